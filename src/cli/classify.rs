//! `foveate classify`

use super::DeviceArgs;
use super::photos::{self, milliseconds};
use super::trained::TrainedClassifier;
use clap::Args;
use foveate::Result;
use foveate::array::Array;
use foveate::plan::{Device, Plan};
use foveate::train::Frame;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

/// The most pictures of a batch.
const BATCH: usize = 32;
/// About the most numbers of a batch of pictures: 16 MiB.
const NUMBERS: usize = 1 << 22;

#[derive(Debug, Args)]
#[command(after_help = "\
Weights are a file of `foveate train`: weights.safetensors or checkpoint.safetensors of a run
whose network gives each picture a class, by the recipe folders-cnn, one of the digits' (but
addition), or one of yours of the systems cnn, stn and glimpses. It says what classes are called,
and how pictures come to the size that the network has learnt from. The digits' networks want a
digit as in MNIST, light on dark, and as large. What gives each pixel a class is for `foveate
segment --model`.

A line for each class, the likeliest first, and how likely it is. Pictures are computed in
batches; one that cannot be read does not stop the others.

Examples:
  foveate classify pet.jpg --model runs/folders-cnn/weights.safetensors
  foveate classify pets/test/cat/ more/*.png --model runs/folders-cnn/weights.safetensors --top 1
  foveate classify holiday/ --model pets.safetensors --json | jq -r .classes[0].class")]
pub(super) struct Classify {
    /// Pictures, or folders of pictures: PNG, JPEG or WebP
    #[arg(required = true)]
    photos: Vec<PathBuf>,
    /// The network: what `foveate train` wrote
    #[arg(short, long, value_name = "WEIGHTS.safetensors")]
    model: PathBuf,
    /// How many of the likeliest classes are printed
    #[arg(short, long, value_name = "K", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    top: u32,
    /// Print a JSON object for each picture
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArgs,
}

impl Classify {
    pub(super) fn run(self) -> Result<ExitCode> {
        let photos = photos::files(&self.photos)?;
        let classifier = TrainedClassifier::open(&self.model)?;
        let opened = Instant::now();
        let device = self.device.open()?;
        eprintln!("{}, opened in {}", device.name(), milliseconds(opened));
        let (size, names) = (classifier.frame.size(), classifier.names());
        eprintln!("{} classes, of pictures seen at {}x{}", names.len(), size.w, size.h);
        let longest = |texts: &[String]| texts.iter().map(|text| text.chars().count()).max().unwrap_or(0);
        let widths = [longest(&photos.iter().map(|photo| name(photo)).collect::<Vec<_>>()), longest(&names)];
        let form = Form { names, widths, top: self.top as usize, json: self.json };

        let mut batches = Batches::new(device, &classifier, photos.len())?;
        let mut failed = 0;
        for some in photos.chunks(batches.size) {
            for (photo, found) in some.iter().zip(batches.run(some)?) {
                let said = found.map(|found| form.said(&name(photo), &found));
                failed += usize::from(!photos::report(said, &name(photo)));
            }
        }
        Ok(photos::end(failed, photos.len()))
    }
}

fn name(photo: &Path) -> String {
    photo.display().to_string()
}

/// A plan that pictures go through in batches.
struct Batches<'a> {
    plan: Plan,
    classifier: &'a TrainedClassifier,
    size: usize,
}

impl<'a> Batches<'a> {
    /// For so many pictures in all.
    fn new(device: Device, classifier: &'a TrainedClassifier, photos: usize) -> Result<Self> {
        let size = (NUMBERS / classifier.frame.image_type().elements()).clamp(1, BATCH).min(photos.max(1));
        let plan = Plan::compile(device, &[&classifier.probabilities(size)?])?;
        Ok(Self { plan, classifier, size })
    }

    /// How likely each class is, of each of at most a batch of pictures that can be read.
    fn run(&mut self, photos: &[PathBuf]) -> Result<Vec<Result<Vec<f32>>>> {
        let read = examples(&self.classifier.frame, photos);
        let mut shape = self.classifier.frame.image_type().shape;
        shape.insert(0, self.size);
        let mut images = Vec::new();
        for image in read.iter().flatten() {
            images.extend_from_slice(image.values::<f32>()?);
        }
        // Places without a picture are black, and nobody looks at what is found there.
        images.resize(shape.iter().product(), 0.0);
        let found = self.plan.run(&[("image", &Array::new(shape, images)?)])?;
        let mut rows = found.first().map_or(Ok(&[][..]), Array::values)?.chunks_exact(self.classifier.classes);
        Ok(read.into_iter().map(|image| image.map(|_| rows.next().unwrap_or_default().to_vec())).collect())
    }
}

/// Pictures as examples, read on several threads.
fn examples(frame: &Frame, photos: &[PathBuf]) -> Vec<Result<Array>> {
    let each = photos.len().div_ceil(thread::available_parallelism().map_or(1, usize::from)).max(1);
    let mut read: Vec<Option<Result<Array>>> = photos.iter().map(|_| None).collect();
    thread::scope(|scope| {
        for (photos, read) in photos.chunks(each).zip(read.chunks_mut(each)) {
            scope.spawn(|| photos.iter().zip(read).for_each(|(photo, read)| *read = Some(frame.open(photo))));
        }
    });
    read.into_iter().flatten().collect()
}

/// How answers are printed.
struct Form {
    /// Of the classes.
    names: Vec<String>,
    /// Letters of the longest name of a photo and of a class.
    widths: [usize; 2],
    /// How many classes are named.
    top: usize,
    json: bool,
}

impl Form {
    /// The likeliest classes of a photo, as lines of a table or an object.
    fn said(&self, photo: &str, found: &[f32]) -> String {
        let mut best: Vec<(usize, f32)> = found.iter().copied().enumerate().collect();
        best.sort_by(|a, b| b.1.total_cmp(&a.1));
        let best = best.into_iter().take(self.top).map(|(label, share)| (label, self.names.get(label).map_or("", |name| name), share));
        if self.json {
            let class = |(label, class, share)| json!({ "class": class, "label": label, "probability": share });
            return json!({ "photo": photo, "classes": best.map(class).collect::<Vec<_>>() }).to_string();
        }
        let [wide, class_wide] = self.widths;
        // A photo is named once.
        let names = std::iter::once(photo).chain(std::iter::repeat(""));
        let line = |(photo, (_, class, share))| format!("{photo:wide$}  {class:class_wide$}  {:5.1} %", 100.0 * share);
        names.zip(best).map(line).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_classes_come_first() {
        let form = |top, json| Form { names: ["cat", "bird", "dog"].map(str::to_owned).to_vec(), widths: [5, 4], top, json };
        let found = [0.25, 0.0, 0.75];
        assert_eq!(form(2, false).said("a.png", &found), "a.png  dog    75.0 %\n       cat    25.0 %");
        assert_eq!(form(9, false).said("a", &found).lines().count(), 3);
        let object = form(1, true).said("a.png", &found);
        assert_eq!(object, r#"{"classes":[{"class":"dog","label":2,"probability":0.75}],"photo":"a.png"}"#);
    }
}
