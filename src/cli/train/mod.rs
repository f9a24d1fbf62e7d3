//! `foveate train`

mod asking;
mod augmentations;
mod captions;
mod cascades;
mod cnn;
mod columns;
mod data;
mod digits;
mod drawing;
mod experiment;
mod eyes;
mod listening;
mod looks;
mod objects;
mod pixels;
mod recipe;
mod run;
mod scenes;
mod segmenters;
mod tally;
mod telling;
mod translating;
mod writing;

use super::DeviceArgs;
use clap::Args;
use foveate::Result;
use recipe::{BUILT_IN, Changes, Recipe};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(after_help = "\
A recipe is a TOML file that names a network, its data, loss, optimiser and schedule; those
that come with the program are listed by --list and lie under examples/recipes.
The output folder gets
  checkpoint.safetensors   weights, optimiser, random numbers, step, the classes' names;
                           loads as the network's weights
  weights.safetensors      the network alone as it is used, with the classes' names: `foveate
                           classify` takes it if it gives each picture a class, `foveate
                           segment` if each pixel, `foveate translate` if it writes another
                           language, `foveate write` if it writes by hand, `foveate caption`
                           if it says what a photo shows, `foveate ask` if it answers questions
  log.csv, curves.png      what was reported
  recipe.toml              the recipe with --steps and --seed, as it was run
and pictures of what the network looks at or finds. Ctrl-C ends a run after its step and
saves; --resume goes on with the same numbers as if it had not ended, and refuses another
recipe than the run's; --steps may change. A loss that is no finite number ends it too, and
the node that made it so is named.

Data: for the digits' recipes MNIST's four IDX files in one folder, train-images-idx3-ubyte
and so on; scripts/mnist.sh fetches them to target/mnist. Pictures of your own:
  folders-cnn   a class for each picture   train/cat/1.jpg, train/dog/2.png, test/cat/3.jpg
  masks-unet    a class for each pixel     train/photos/1.jpg with train/masks/1.png
  masks-fcn8s   the same, coarser and with less to compute
  masks-mnc     things, one told from the  the same, and train/things/1.png: 1, 2 and so
                next                       on for each thing
  masks-hypercolumns                     the same, for finer masks of what that finds
  photos-captions  what photos show      train.json, as COCO has it, and train/1.jpg; or lines
                                         of text: a photo's name, a tab and a caption
  photos-answers   what is asked of photos  train.tsv, lines of a photo's name, a question and its
                                         answers, with tabs, and train/1.jpg; or VQA's files
or .npz and IDX files; examples/recipes/folders-cnn.toml says what a recipe may have. What
mnist-draw has learnt to draw `foveate draw` draws. Texts, with a tab before what they become:
  pronounce     words into phones          train.tsv, test.tsv; scripts/cmudict.sh fetches them
  sentences     one language into another  the same, of your own
`foveate translate` translates with what was learnt. Lines of handwriting, for `foveate write`:
  handwriting   fonts of pen strokes       SVG fonts and words.txt; scripts/pen-fonts.sh fetches
                                           them to target/pen-fonts
  handwriting-iam  what people wrote       IAM-OnDB's lineStrokes, ascii and trainset.txt

Examples:
  foveate train --list
  foveate train rotated-st-fcn --data target/mnist
  foveate train digits-fcn8s --data target/mnist
  foveate train mnist-draw --data target/mnist
  foveate train folders-cnn --data pets
  foveate train digits-captions --data target/mnist
  foveate train digits-answers --data target/mnist
  foveate train pronounce --data target/cmudict
  foveate train handwriting --data target/pen-fonts
  foveate train mine.toml --data target/mnist --output runs/mine --steps 2000
  foveate train rotated-st-fcn --data target/mnist --resume
  foveate train digits-fcn8s --data target/mnist --profile")]
pub(super) struct Train {
    /// A recipe's file, or the name of one that comes with the program
    #[arg(required_unless_present = "list")]
    recipe: Option<String>,
    /// The folder with the data
    #[arg(long, value_name = "FOLDER", required_unless_present = "list")]
    data: Option<PathBuf>,
    /// Where checkpoints, curves and pictures go [default: runs/ and the recipe's name]
    #[arg(short, long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// Go on from the checkpoint in the output folder
    #[arg(long)]
    resume: bool,
    /// Other steps than the recipe's
    #[arg(long, value_name = "N")]
    steps: Option<u64>,
    /// Another seed than the recipe's
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Time the kernels of one step instead: a table, and trace.json for Perfetto in the output folder
    #[arg(long, conflicts_with = "resume")]
    profile: bool,
    /// List the recipes that come with the program
    #[arg(long)]
    list: bool,
    #[command(flatten)]
    device: DeviceArgs,
}

impl Train {
    pub(super) fn run(self) -> Result<ExitCode> {
        let (Some(name), Some(data), false) = (self.recipe, self.data, self.list) else {
            for (name, text) in BUILT_IN {
                println!("{name:20} {}", text.lines().next().unwrap_or("").trim_start_matches("# "));
            }
            return Ok(ExitCode::SUCCESS);
        };
        let stem = PathBuf::from(&name).file_stem().map_or_else(|| "run".into(), |stem| stem.to_os_string());
        let output = self.output.unwrap_or_else(|| PathBuf::from("runs").join(stem));
        let before = output.join("recipe.toml");
        let earlier = if self.resume && before.exists() { Some(recipe::read(&before.display().to_string())?) } else { None };
        let changes = Changes { steps: self.steps, seed: self.seed };
        let text = recipe::changed(&name, &recipe::read(&name)?, changes, earlier.as_deref().map(|text| (before.as_path(), text)))?;
        let recipe = Recipe::parse(&name, &text)?;
        run::Run { text, recipe, data, output, resume: self.resume, profile: self.profile, device: self.device.open()? }.run()
    }
}
