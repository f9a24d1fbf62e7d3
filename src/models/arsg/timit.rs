//! TIMIT's files as the Linguistic Data Consortium ships them, and its phones.

use super::Recording;
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// Which of TIMIT's sentences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Those of the 462 speakers that are learnt from.
    Train,
    /// Those of the 24 speakers that results are published for.
    CoreTest,
    /// Those of all other speakers of the test set.
    OtherTest,
}

/// The speakers of the core test set: two men and a woman of each region.
const CORE: [&str; 24] = [
    "MDAB0", "MWBT0", "FELC0", "MTAS1", "MWEW0", "FPAS0", "MJMP0", "MLNT0", "FPKT0", "MLLL0", "MTLS0", "FJLM0", "MBPM0", "MKLT0", "FNLP0",
    "MCMJ0", "MJDH0", "FMGD0", "MGRT0", "MNJM0", "FDHC0", "MJLN0", "MPAM0", "FMLD0",
];

/// The recordings of a part, in the order of their paths, without the two sentences (SA) that everyone says. `folder` is the one with TRAIN and
/// TEST; capital letters or small ones.
///
/// # Errors
/// [`Error::Io`] if a folder or a file of phones cannot be read; [`Error::Model`] if there are none, or a file of phones is none.
pub fn timit(folder: impl AsRef<Path>, part: Part) -> Result<Vec<Recording>> {
    let folder = folder.as_ref();
    let wanted = if part == Part::Train { "TRAIN" } else { "TEST" };
    let mut found = Vec::new();
    for region in below(&named(folder, wanted)?)?.into_iter().filter(|path| path.is_dir()) {
        for speaker in below(&region)?.into_iter().filter(|path| path.is_dir()) {
            let core = CORE.contains(&name(&speaker).as_str());
            if part == Part::Train || core == (part == Part::CoreTest) {
                found.extend(below(&speaker)?.into_iter().filter(|path| name(path).ends_with(".WAV") && !name(path).starts_with("SA")));
            }
        }
    }
    if found.is_empty() {
        return Err(Error::model(folder.display().to_string(), format!("has no recordings like {wanted}/DR1/SPEAKER/SX1.WAV")));
    }
    let said = |path: PathBuf| {
        let speaker = path.parent().unwrap_or(Path::new(""));
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let phones = phones(&named(speaker, &format!("{}.PHN", stem.to_ascii_uppercase()))?)?;
        Ok(Recording { path, phones })
    };
    found.into_iter().map(said).collect()
}

/// The phones of a file with a first sample, a last one and a phone on each line.
fn phones(path: &Path) -> Result<String> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
    let phone = |line: &str| match line.split_whitespace().collect::<Vec<_>>()[..] {
        [from, to, phone] if from.parse::<u64>().is_ok() && to.parse::<u64>().is_ok() => Ok(phone.to_owned()),
        _ => Err(Error::model(
            path.display().to_string(),
            format!("has a line '{line}'; a first sample, a last one and a phone belong there"),
        )),
    };
    Ok(text.lines().filter(|line| !line.trim().is_empty()).map(phone).collect::<Result<Vec<_>>>()?.join(" "))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().to_ascii_uppercase()
}

/// What lies in a folder, in order.
fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(|e| Error::io(folder, e))?;
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path()).map_err(|e| Error::io(folder, e))).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// The file or folder that is called so in capital letters.
fn named(folder: &Path, wanted: &str) -> Result<PathBuf> {
    let found = below(folder)?.into_iter().find(|path| name(path) == wanted);
    found.ok_or_else(|| Error::model(folder.display().to_string(), format!("has no {wanted}")))
}

/// The 39 classes that results are counted in, of TIMIT's 61 phones; the glottal stop q is none. Other words stay as they are.
///
/// Source: Lee, Hon, Speaker-independent phone recognition using hidden Markov models (1989).
pub fn folded(phone: &str) -> Option<&str> {
    Some(match phone {
        "q" => return None,
        "ao" => "aa",
        "ax" | "ax-h" => "ah",
        "axr" => "er",
        "hv" => "hh",
        "ix" => "ih",
        "el" => "l",
        "em" => "m",
        "en" | "nx" => "n",
        "eng" => "ng",
        "zh" => "sh",
        "ux" => "uw",
        "bcl" | "dcl" | "gcl" | "pcl" | "tcl" | "kcl" | "epi" | "pau" | "h#" => "sil",
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_of_a_part() {
        let folder = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        for (speaker, sentence) in
            [("train/dr1/fcjf0", "si1027"), ("train/dr1/fcjf0", "sa1"), ("test/dr1/mdab0", "sx9"), ("test/dr1/mxyz0", "sx8")]
        {
            put(&format!("{speaker}/{sentence}.wav"), "");
            put(&format!("{speaker}/{sentence}.phn"), "0 3050 h#\n3050 4559 sh\n4559 5723 ix\n");
        }
        for (part, expected) in [(Part::Train, "si1027.wav"), (Part::CoreTest, "sx9.wav"), (Part::OtherTest, "sx8.wav")] {
            let found = timit(folder.path(), part).unwrap();
            assert_eq!(found.len(), 1);
            assert!(found[0].path.ends_with(expected) && found[0].phones == "h# sh ix", "{found:?}");
        }
        put("test/dr1/mdab0/sx9.phn", "0 zwei h#\n");
        let error = timit(folder.path(), Part::CoreTest).unwrap_err().to_string();
        assert!(error.contains("'0 zwei h#'"), "{error}");
        let error = timit(folder.path().join("train"), Part::Train).unwrap_err().to_string();
        assert!(error.contains("has no TRAIN"), "{error}");
    }

    #[test]
    fn classes() {
        let all = "aa ae ah ao aw ax ax-h axr ay b bcl ch d dcl dh dx eh el em en eng epi er ey f g gcl h# hh hv ih ix iy jh k kcl l m n ng nx \
                   ow oy p pau pcl q r s sh t tcl th uh uw ux v w y z zh";
        let all: Vec<&str> = all.split_whitespace().collect();
        let mut classes: Vec<&str> = all.iter().filter_map(|phone| folded(phone)).collect();
        classes.sort_unstable();
        classes.dedup();
        assert_eq!((all.len(), classes.len()), (61, 39));
    }
}
