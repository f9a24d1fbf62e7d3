//! IAM-OnDB's files: lines that people wrote on a whiteboard.
//!
//! ```text
//! ascii/a01/a01-000/a01-000u.txt              "CSR:", and below it what each line of the form says
//! lineStrokes/a01/a01-000/a01-000u-01.xml     <StrokeSet><Stroke><Point x= y= />: the form's first line, y is downwards
//! trainset.txt, testset_v.txt ..              names of forms
//! ```
//!
//! Source: Liwicki, Bunke, IAM-OnDB, ICDAR 2005. Points are as they were recorded: readings that are missing are left missing.

use super::pen::{Line, Stroke};
use crate::error::{Error, Result};
use roxmltree::{Document, ParsingOptions};
use std::path::{Path, PathBuf};

/// The lines of the forms that the text files `lists` in `folder` name, a word on each line, with `em` of the board's units to an em; each line
/// begins with its first point at (0, 0).
///
/// # Errors
/// [`Error::Io`] if a file cannot be read; [`Error::Model`] if one is not as above, or there is no line.
pub fn iam_lines(folder: impl AsRef<Path>, lists: &[PathBuf], em: f32) -> Result<Vec<Line>> {
    let folder = folder.as_ref();
    let mut lines = Vec::new();
    for list in lists {
        let path = folder.join(list);
        let text = read(&path)?;
        for name in text.split_whitespace() {
            lines.extend(form(folder, name, em)?);
        }
    }
    if lines.is_empty() {
        return Err(Error::model(folder.display().to_string(), format!("has no line of the forms of {lists:?}")));
    }
    Ok(lines)
}

/// Text in ISO 8859-1, whose letters are Unicode's first: so are the files declared.
fn read(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
    Ok(String::from_utf8(bytes).unwrap_or_else(|e| e.into_bytes().into_iter().map(char::from).collect()))
}

/// The lines of form `name`, of which there are strokes: a01-000u of writer u lies in a01/a01-000.
fn form(folder: &Path, name: &str, em: f32) -> Result<Vec<Line>> {
    let wrong = |path: &Path, reason: &str| Error::model(path.display().to_string(), reason.to_owned());
    let base = name.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let Some((group, _)) = base.split_once('-') else {
        return Err(wrong(folder, &format!("has no form '{name}'; they are called like a01-000u")));
    };
    let path = folder.join("ascii").join(group).join(base).join(format!("{name}.txt"));
    let text = read(&path)?;
    let mut said = text.lines().skip_while(|line| line.trim() != "CSR:").skip(1).map(str::trim).filter(|line| !line.is_empty()).peekable();
    if said.peek().is_none() {
        return Err(wrong(&path, "has no lines behind 'CSR:'"));
    }
    let strokes = folder.join("lineStrokes").join(group).join(base);
    let mut lines = Vec::new();
    for (i, said) in said.enumerate() {
        let path = strokes.join(format!("{name}-{:02}.xml", i + 1));
        // A few lines of the collection were not recorded.
        if path.exists() {
            lines.push(Line { text: said.to_owned(), strokes: recorded(&path, em)? });
        }
    }
    Ok(lines)
}

fn recorded(path: &Path, em: f32) -> Result<Vec<Stroke>> {
    let wrong = |reason: String| Error::model(path.display().to_string(), reason);
    let text = read(path)?;
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    let document = Document::parse_with_options(&text, options).map_err(|e| wrong(format!("is no XML: {e}")))?;
    let mut origin: Option<[f32; 2]> = None;
    let mut strokes = Vec::new();
    for stroke in document.descendants().filter(|node| node.has_tag_name("Stroke")) {
        let mut points = Stroke::new();
        for point in stroke.children().filter(|node| node.has_tag_name("Point")) {
            let number = |key: &str| point.attribute(key).and_then(|text| text.parse::<f32>().ok()).filter(|v| v.is_finite());
            let (Some(x), Some(y)) = (number("x"), number("y")) else {
                return Err(wrong(format!("has a <Point> at {:?}, {:?}", point.attribute("x"), point.attribute("y"))));
            };
            let [left, top] = *origin.get_or_insert([x, y]);
            points.push([(x - left) / em, (top - y) / em]);
        }
        strokes.extend((!points.is_empty()).then_some(points));
    }
    if strokes.is_empty() {
        return Err(wrong("has no <Stroke> with a <Point>".to_owned()));
    }
    Ok(strokes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collection(xml: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("trainset.txt", " a01-000u\n");
        write("ascii/a01/a01-000/a01-000u.txt", "OCR:\n\nA MOUE\nto stop\n\nCSR:\n\nA MOVE\nto stop\n");
        write("lineStrokes/a01/a01-000/a01-000u-02.xml", xml);
        folder
    }

    const XML: &str = r#"<?xml version="1.0" encoding="ISO-8859-1"?><WhiteboardCaptureSession><WhiteboardDescription/>
        <StrokeSet><Stroke colour="black"><Point x="100" y="50" time="1.0"/><Point x="150" y="30" time="1.1"/></Stroke>
        <Stroke/><Stroke><Point x="200" y="50" time="2"/></Stroke></StrokeSet></WhiteboardCaptureSession>"#;

    #[test]
    fn lines_have_what_they_say() {
        let folder = collection(XML);
        let lines = iam_lines(folder.path(), &["trainset.txt".into()], 100.0).unwrap();
        let strokes = vec![vec![[0.0, 0.0], [0.5, 0.2]], vec![[1.0, 0.0]]];
        assert_eq!(lines, [Line { text: "to stop".into(), strokes }], "the first line was not recorded");
    }

    #[test]
    fn what_is_damaged_is_refused() {
        let error = |xml: &str| iam_lines(collection(xml).path(), &["trainset.txt".into()], 100.0).unwrap_err().to_string();
        assert!(error("<a>").contains("is no XML"));
        assert!(error("<a/>").contains("has no <Stroke>"));
        let text = error(&XML.replace("y=\"30\"", "y=\"far\""));
        assert!(text.contains("a01-000u-02.xml") && text.contains("\"far\""), "{text}");
        let folder = collection(XML);
        std::fs::write(folder.path().join("ascii/a01/a01-000/a01-000u.txt"), "OCR:\nA").unwrap();
        let of = |folder: &Path| iam_lines(folder, &["trainset.txt".into()], 100.0).unwrap_err().to_string();
        assert!(of(folder.path()).contains("behind 'CSR:'"));
        std::fs::write(folder.path().join("trainset.txt"), "nothing").unwrap();
        assert!(of(folder.path()).contains("'nothing'"));
        std::fs::remove_file(folder.path().join("trainset.txt")).unwrap();
        assert!(of(folder.path()).contains("trainset.txt"));
    }
}
