//! Photos with captions: what files say, and the examples to learn from and to be measured by.
//!
//! | file | what is in it |
//! |---|---|
//! | JSON | COCO's captions: `images` with `id` and `file_name`, `annotations` with `image_id` and `caption` |
//! | text | a photo's name, a tab and a caption on each line; a number behind the name, as in Flickr8k's `1.jpg#0`, is left out |
//!
//! A photo may have several captions, and a caption is its words in small letters, without punctuation.

use crate::array::picture::EXTENSIONS;
use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::models::sentences::{END, Language, Unit, padded};
use crate::train::{Dataset, Frame};
use serde::Deserialize;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Words of the longest captions to learn from, each of which is a step of a decoder.
const MOST: usize = 1000;

/// Photos with the captions that a file has of them, in the file's order.
#[derive(Clone, Debug)]
pub struct Captions {
    source: String,
    photos: Vec<(PathBuf, Vec<String>)>,
}

/// COCO's form; what else is in it is left alone.
#[derive(Deserialize)]
struct Coco {
    images: Vec<CocoImage>,
    annotations: Vec<CocoCaption>,
}

#[derive(Deserialize)]
struct CocoImage {
    id: u64,
    file_name: String,
}

#[derive(Deserialize)]
struct CocoCaption {
    image_id: u64,
    caption: String,
}

impl Captions {
    /// Reads a file of captions of the photos in a folder.
    ///
    /// # Errors
    /// [`Error::Io`] if it or a photo cannot be read; [`Error::Model`] if it is of another form, has no captions, or one of no photo.
    pub fn open(file: impl AsRef<Path>, folder: impl AsRef<Path>) -> Result<Self> {
        let (file, folder) = (file.as_ref(), folder.as_ref());
        let source = file.display().to_string();
        let bytes = std::fs::read(file).map_err(|e| Error::io(file, e))?;
        let text = String::from_utf8(bytes).map_err(|_| Error::model(source.clone(), "is no text in UTF-8"))?;
        let own = Self::parse(&text, &source)?;
        let there = |(name, captions): (PathBuf, Vec<String>)| {
            let path = folder.join(name);
            std::fs::metadata(&path).map_err(|e| Error::io(&path, e))?;
            Ok((path, captions))
        };
        Ok(Self { photos: own.photos.into_iter().map(there).collect::<Result<_>>()?, source })
    }

    /// The photos by name.
    fn parse(text: &str, source: &str) -> Result<Self> {
        let wrong = |reason: String| Error::model(source, reason);
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        let mut photos: Vec<(PathBuf, Vec<String>)> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut add = |name: &str, caption: &str| {
            let at = *places.entry(name.to_owned()).or_insert_with(|| {
                photos.push((name.into(), Vec::new()));
                photos.len() - 1
            });
            let words = words(caption);
            // A caption may be nothing but a dot.
            if !words.is_empty() {
                photos[at].1.push(words);
            }
        };
        if text.trim_start().starts_with('{') {
            let coco: Coco = serde_json::from_str(text).map_err(|e| wrong(format!("is no JSON of captions as COCO has it: {e}")))?;
            let names: HashMap<u64, &str> = coco.images.iter().map(|image| (image.id, image.file_name.as_str())).collect();
            for CocoCaption { image_id, caption } in &coco.annotations {
                let name = names.get(image_id).ok_or_else(|| wrong(format!("has a caption of image {image_id}, and no such image")))?;
                add(name, caption);
            }
        } else {
            for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
                let no_tab = || wrong(format!("line {} has no tab; a photo's name, a tab and a caption belong there", at + 1));
                let (name, caption) = line.split_once('\t').ok_or_else(no_tab)?;
                add(unnumbered(name.trim()), caption);
            }
        }
        photos.retain(|(_, captions)| !captions.is_empty());
        if photos.is_empty() {
            return Err(wrong("has no captions".to_owned()));
        }
        Ok(Self { source: source.to_owned(), photos })
    }

    /// How many photos there are.
    pub fn len(&self) -> usize {
        self.photos.len()
    }

    /// Whether there are none, which cannot be.
    pub fn is_empty(&self) -> bool {
        self.photos.is_empty()
    }

    /// The language of the captions: the most frequent words, `most` at most.
    ///
    /// # Errors
    /// Never, of captions that were read.
    pub fn language(&self, most: usize) -> Result<Language> {
        Language::learnt(Unit::Words, self.photos.iter().flat_map(|(_, captions)| captions).map(String::as_str), most)
    }

    /// An example for each caption of no more than `longest` words, its end among them.
    ///
    /// # Errors
    /// [`Error::Model`] if there are none, or `longest` is above 1000.
    pub fn told(&self, language: &Language, frame: Frame, longest: usize) -> Result<ToldPhotos> {
        if longest > MOST {
            return Err(Error::model(
                self.source.clone(),
                format!("captions of up to {longest} words were asked for; {MOST} are the most"),
            ));
        }
        let all = self.photos.iter().enumerate().flat_map(|(photo, (_, captions))| captions.iter().map(move |caption| (photo, caption)));
        let captions: Vec<_> =
            all.map(|(photo, caption)| (photo, language.read(caption))).filter(|(_, words)| words.len() <= longest).collect();
        if captions.is_empty() {
            return Err(Error::model(self.source.clone(), format!("has no caption of {longest} words or fewer, the end among them")));
        }
        Ok(ToldPhotos { frame, photos: self.photos.iter().map(|(path, _)| path.clone()).collect(), captions, longest })
    }

    /// An example for each photo, with all of its captions.
    pub fn to_tell(&self, language: &Language, frame: Frame) -> PhotosToTell {
        let read =
            |(path, captions): &(PathBuf, Vec<String>)| (path.clone(), captions.iter().map(|caption| language.read(caption)).collect());
        let photos: Vec<(PathBuf, Vec<Vec<i32>>)> = self.photos.iter().map(read).collect();
        let most = photos.iter().map(|(_, captions)| captions.len()).max().unwrap_or(1);
        let longest = photos.iter().flat_map(|(_, captions)| captions).map(Vec::len).max().unwrap_or(1);
        PhotosToTell { frame, photos, size: [most, longest] }
    }
}

/// `1.jpg` of `1.jpg#0`.
fn unnumbered(name: &str) -> &str {
    match name.rsplit_once('#') {
        Some((photo, number)) if number.bytes().all(|b| b.is_ascii_digit()) && is_photo(photo) => photo,
        _ => name,
    }
}

fn is_photo(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|e| EXTENSIONS.iter().any(|known| e.eq_ignore_ascii_case(known)))
}

/// The words of a caption in small letters, one space between two.
pub(in crate::models) fn words(caption: &str) -> String {
    let kept = |c: char| if c.is_alphanumeric() || c == '\'' || c == '-' { c } else { ' ' };
    let text: String = caption.to_lowercase().chars().map(kept).collect();
    let parts = text.split_whitespace().map(|part| part.trim_matches(['\'', '-'])).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(" ")
}

/// Photos with one caption each, [`Captions::told`]: `image`, f32 (3, h, w) of 0..1; `words`, i32 (longest), ended and filled up by [`END`];
/// and `mask`, f32 (longest), 1 up to the first end.
#[derive(Clone, Debug)]
pub struct ToldPhotos {
    frame: Frame,
    photos: Vec<PathBuf>,
    /// The photo's number, and words.
    captions: Vec<(usize, Vec<i32>)>,
    longest: usize,
}

impl Dataset for ToldPhotos {
    fn len(&self) -> usize {
        self.captions.len()
    }

    fn tensors(&self) -> Vec<(String, TensorType)> {
        let (words, mask) = (TensorType::new(DType::I32, [self.longest]), TensorType::f32([self.longest]));
        vec![("image".to_owned(), self.frame.image_type()), ("words".to_owned(), words), ("mask".to_owned(), mask)]
    }

    fn example(&self, index: usize, _: u64) -> Result<Vec<Array>> {
        let missing = || Error::shape("captions", format!("example {index} of {}", self.len()));
        let (photo, words) = self.captions.get(index).ok_or_else(missing)?;
        let image = self.frame.open(self.photos.get(*photo).ok_or_else(missing)?)?;
        let mask = Array::from_fn([self.longest], |t| f32::from(t < words.len()));
        Ok(vec![image, padded(words, self.longest, END), mask])
    }
}

/// Photos with all that is said of them, [`Captions::to_tell`]: `image`, f32 (3, h, w) of 0..1, and `references`, i32 (captions, words): each
/// ended and filled up by [`END`], and rows of -1 where a photo has fewer captions than another.
#[derive(Clone, Debug)]
pub struct PhotosToTell {
    frame: Frame,
    photos: Vec<(PathBuf, Vec<Vec<i32>>)>,
    size: [usize; 2],
}

impl Dataset for PhotosToTell {
    fn len(&self) -> usize {
        self.photos.len()
    }

    fn tensors(&self) -> Vec<(String, TensorType)> {
        let references = TensorType::new(DType::I32, self.size);
        vec![("image".to_owned(), self.frame.image_type()), ("references".to_owned(), references)]
    }

    fn example(&self, index: usize, _: u64) -> Result<Vec<Array>> {
        let missing = || Error::shape("captions", format!("example {index} of {}", self.len()));
        let (path, captions) = self.photos.get(index).ok_or_else(missing)?;
        let [most, longest] = self.size;
        let word = |i: usize| captions.get(i / longest).map_or(-1, |words| words.get(i % longest).copied().unwrap_or(END));
        Ok(vec![self.frame.open(path)?, Array::from_fn([most, longest], word)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::{Hw, picture};
    use crate::train::Fit;

    const LINES: &str = "1.png#0\tA dog runs.\n1.png#1\tThe dog's ball, a red-ish one\n\n2.png\tTwo  CATS\n2.png\t.\n";

    #[test]
    fn both_forms_say_the_same() {
        let coco = r#"{"info": {}, "images": [{"id": 7, "file_name": "1.png", "width": 3}, {"id": 9, "file_name": "2.png"}],
            "annotations": [{"id": 1, "image_id": 7, "caption": "A dog runs."}, {"image_id": 7, "caption": "the dog's ball; a red-ish one"},
            {"image_id": 9, "caption": "two cats"}]}"#;
        let expected = [("1.png", vec!["a dog runs", "the dog's ball a red-ish one"]), ("2.png", vec!["two cats"])];
        for text in [LINES, coco] {
            let found = Captions::parse(text, "captions").unwrap();
            assert_eq!(found.len(), 2);
            for ((path, captions), (name, wanted)) in found.photos.iter().zip(&expected) {
                assert_eq!((path.to_str().unwrap(), captions), (*name, &wanted.iter().map(ToString::to_string).collect()));
            }
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for (text, part) in [
            ("", "no captions"),
            ("1.png\t...", "no captions"),
            ("1.png a dog", "line 1 has no tab"),
            ("{\"images\": []}", "missing field `annotations`"),
            ("{\"images\": [], \"annotations\": [{\"image_id\": 3, \"caption\": \"a\"}]}", "a caption of image 3"),
        ] {
            let error = Captions::parse(text, "captions").unwrap_err().to_string();
            assert!(error.starts_with("captions: ") && error.contains(part), "{text}: {error}");
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("captions.tsv");
        std::fs::write(&file, LINES).unwrap();
        let error = Captions::open(&file, folder.path().join("photos")).unwrap_err().to_string();
        assert!(error.contains("1.png"), "{error}");
    }

    #[test]
    fn examples_have_one_caption_or_all() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["1.png", "2.png"] {
            picture::write_png(folder.path().join(name), &Array::full([1, 3, 4, 6], 0.5f32)).unwrap();
        }
        let file = folder.path().join("captions.tsv");
        std::fs::write(&file, LINES).unwrap();
        let captions = Captions::open(&file, folder.path()).unwrap();
        let language = captions.language(4).unwrap();
        // The most frequent: a, dog; then by letters.
        assert_eq!(language.words(), 6);
        let frame = Frame::new(Hw::new(2, 2), 3, Fit::Crop).unwrap();
        let told = captions.told(&language, frame, 4).unwrap();
        assert_eq!(told.len(), 2, "one caption is too long");
        let example = told.example(0, 0).unwrap();
        assert!(example.iter().zip(told.tensors()).all(|(a, (_, ty))| a.ty() == ty));
        assert_eq!((language.write(example[1].values::<i32>().unwrap()), example[2].to_f64()), ("a dog <unk>".to_owned(), vec![1.0; 4]));
        let cats = told.example(1, 0).unwrap();
        assert_eq!((cats[1].to_f64()[2..].to_vec(), cats[2].to_f64()), (vec![0.0, 0.0], vec![1.0, 1.0, 1.0, 0.0]));
        let to_tell = captions.to_tell(&language, frame);
        let example = to_tell.example(1, 0).unwrap();
        assert!(example.iter().zip(to_tell.tensors()).all(|(a, (_, ty))| a.ty() == ty));
        assert_eq!(example[1].shape(), [2, 7]);
        assert_eq!(example[1].to_f64()[7..], [-1.0; 7]);
        assert!(captions.told(&language, frame, 2).unwrap_err().to_string().contains("no caption of 2 words"));
        assert!(captions.told(&language, frame, usize::MAX).unwrap_err().to_string().contains("1000 are the most"));
        assert!(told.example(2, 0).is_err() && to_tell.example(2, 0).is_err());
    }
}
