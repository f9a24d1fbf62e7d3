//! The arrows between the rooms point down only.
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::path::{Path, PathBuf};

/// Rooms from the bottom up; a room may use those before it. `ops` and `graph` know each other.
const ROOMS: [&str; 12] = ["error", "array", "gpu", "ops", "graph", "plan", "nn", "train", "onnx", "models", "cli", "main"];

fn level(room: &str) -> Option<usize> {
    ROOMS.iter().position(|r| *r == room)
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { sources(&path, found) } else { found.push(path) }
    }
}

/// The rooms named in `crate::room` or, at the command line's level, `foveate::room`, comments and tests apart.
fn mentioned(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let code: String = code.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut rooms = Vec::new();
    for start in ["crate::", "foveate::"] {
        for (at, _) in code.match_indices(start) {
            let rest = &code[at + start.len()..];
            let first_of = |item: &str| item.trim().split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default().to_owned();
            let names = rest.strip_prefix('{').map_or_else(|| vec![first_of(rest)], |g| items(g).into_iter().map(first_of).collect());
            rooms.extend(names.into_iter().filter(|n| level(n).is_some()));
        }
    }
    rooms
}

/// The items of a `{..}` group whose opening brace has been read, inner groups left whole.
fn items(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            ',' if depth == 0 => {
                found.push(&group[start..at]);
                start = at + 1;
            }
            '}' if depth == 0 => {
                found.push(&group[start..at]);
                break;
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    found
}

#[test]
fn arrows_point_down() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
    let mut files = Vec::new();
    sources(root, &mut files);
    assert!(files.len() > 20, "the sources were not found");
    let mut wrong = Vec::new();
    for file in files {
        let inside = file.strip_prefix(root).unwrap();
        let room = inside.components().next().unwrap().as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned();
        if room == "lib" {
            continue;
        }
        let from = level(&room).unwrap_or_else(|| panic!("{} is in a room that architecture.md does not have", inside.display()));
        for to in mentioned(&std::fs::read_to_string(&file).unwrap()) {
            let excepted = room == "ops" && to == "graph";
            if level(&to).unwrap() > from && !excepted {
                wrong.push(format!("{} uses {to}", inside.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_reader_sees_uses() {
    let text = "use crate::{\n    array::{Hw, Pads},\n    gpu,\n};\nlet a = crate::plan::x;\n// crate::cli\n#[cfg(test)] use crate::onnx;";
    let mut found = mentioned(text);
    found.sort();
    assert_eq!(found, ["array", "gpu", "plan"]);
}
