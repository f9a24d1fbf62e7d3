//! Which photos a command works on, where the results of each go, and the work on one after the other.

use super::bars;
use foveate::array::picture::{self, Picture};
use foveate::{Error, Result};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// A photo that is part of the program, for those who give none.
#[derive(Clone, Copy, Debug)]
pub(super) struct BuiltIn {
    file: &'static [u8],
    name: &'static str,
}

/// A person.
pub(super) const ASTRONAUT: BuiltIn =
    BuiltIn { file: include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/astronaut.png")), name: "astronaut.png" };
/// Digits over a texture.
pub(super) const DIGITS: BuiltIn =
    BuiltIn { file: include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/digits.png")), name: "digits.png" };
/// Two of them.
pub(super) const TWO_DIGITS: BuiltIn =
    BuiltIn { file: include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/two_digits.png")), name: "two_digits.png" };

/// One photo.
#[derive(Debug)]
pub(super) struct Photo {
    from: From,
    /// The folder for its results.
    pub(super) output: PathBuf,
}

#[derive(Debug)]
enum From {
    File(PathBuf),
    BuiltIn(BuiltIn),
}

impl Photo {
    pub(super) fn name(&self) -> String {
        match &self.from {
            From::File(path) => path.display().to_string(),
            From::BuiltIn(photo) => photo.name.to_owned(),
        }
    }

    pub(super) fn read(&self) -> Result<Picture> {
        match &self.from {
            From::File(path) => Picture::open(path),
            From::BuiltIn(photo) => Picture::from_bytes(photo.file, photo.name),
        }
    }
}

/// The photos that `arguments` name, folders opened, or `built_in` if there are none, and the folder for each one's results: `output` itself for a
/// single photo that was not found in a folder, else one in it called after the photo.
///
/// # Errors
/// If a folder cannot be read or holds no photo. A file that does not exist fails when its turn comes.
pub(super) fn find(arguments: &[PathBuf], built_in: BuiltIn, output: &Path) -> Result<Vec<Photo>> {
    let single = |from| Ok(vec![Photo { from, output: output.to_path_buf() }]);
    match arguments {
        [] => return single(From::BuiltIn(built_in)),
        [one] if !one.is_dir() => return single(From::File(one.clone())),
        _ => {}
    }
    let mut taken = BTreeSet::new();
    let mut photos = Vec::new();
    for path in files(arguments)? {
        let stem = path.file_stem().map_or_else(|| "photo".to_owned(), |s| s.to_string_lossy().into_owned());
        // Two photos of one name get folders name and name-2.
        let name = (1..).map(|n| if n == 1 { stem.clone() } else { format!("{stem}-{n}") }).find(|n| !taken.contains(n));
        let name = name.unwrap_or(stem);
        photos.push(Photo { from: From::File(path), output: output.join(&name) });
        taken.insert(name);
    }
    Ok(photos)
}

/// The files that `arguments` name, folders opened.
///
/// # Errors
/// If a folder cannot be read or holds no photo.
pub(super) fn files(arguments: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let inside = |argument: &PathBuf| if argument.is_dir() { picture::inside(argument) } else { Ok(vec![argument.clone()]) };
    Ok(arguments.iter().map(inside).collect::<Result<Vec<_>>>()?.concat())
}

/// Works on one photo after the other, with a progress bar if there are several. Prints what `work` says of each; a photo that fails
/// does not stop the rest.
pub(super) fn each(photos: &[Photo], work: &mut dyn FnMut(&Photo) -> Result<String>) -> ExitCode {
    let [photo] = photos else { return several(photos, work) };
    if report(work(photo), &photo.name()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn several(photos: &[Photo], work: &mut dyn FnMut(&Photo) -> Result<String>) -> ExitCode {
    let bar = bars::counted(photos.len() as u64);
    let mut failed = 0;
    for photo in photos {
        bar.set_message(photo.name());
        let result = work(photo);
        failed += usize::from(!bar.suspend(|| report(result, &photo.name())));
        bar.inc(1);
    }
    bar.finish_and_clear();
    end(failed, photos.len())
}

/// How a command ends of whose photos some failed, which is said.
pub(super) fn end(failed: usize, photos: usize) -> ExitCode {
    if failed == 0 {
        return ExitCode::SUCCESS;
    }
    if photos > 1 {
        eprintln!("{failed} of {photos} photos failed");
    }
    ExitCode::FAILURE
}

/// Says how the photo called `name` went; `false` if it failed.
pub(super) fn report(result: Result<String>, name: &str) -> bool {
    match result {
        Ok(line) => println!("{line}"),
        // An error about the photo names it already.
        Err(error @ (Error::Model { .. } | Error::Io { .. })) => {
            eprintln!("error: {error}");
            return false;
        }
        Err(error) => {
            eprintln!("error: {name}: {error}");
            return false;
        }
    }
    true
}

/// How long ago, for people.
pub(super) fn milliseconds(since: Instant) -> String {
    format!("{:.0} ms", since.elapsed().as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_photo_goes_to_the_folder_itself_and_several_to_folders_in_it() {
        let out = Path::new("out");
        let outputs = |arguments: &[&str]| -> Vec<PathBuf> {
            let arguments: Vec<PathBuf> = arguments.iter().map(PathBuf::from).collect();
            find(&arguments, ASTRONAUT, out).unwrap().into_iter().map(|p| p.output).collect()
        };
        assert_eq!(outputs(&[]), [out]);
        assert_eq!(outputs(&["a/me.jpg"]), [out]);
        assert_eq!(outputs(&["a/me.jpg", "b/me.png", "you.png"]), [out.join("me"), out.join("me-2"), out.join("you")]);
    }
}
