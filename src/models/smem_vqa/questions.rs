//! Questions about photos: what files say, and the examples to learn from and to be measured by.
//!
//! | files | what is in them |
//! |---|---|
//! | JSON | VQA's: `questions` with `question_id`, `image_id` and `question`, and in a second file `annotations` with `question_id`, `answers` and, maybe, `answer_type`; photos are called `COCO_train2014_000000000009.jpg`, of the `data_subtype` |
//! | text | a photo's name, a question and its answers on each line, with tabs between them |
//!
//! Questions and answers are their words in small letters, without punctuation. As VQA's own evaluation has it, articles do not count in
//! answers, and zero to ten are 0 to 10, as none is 0; unlike there `dont` stays what it is.

use super::examples::{KINDS, OTHER, example, tensors};
use crate::array::{Array, TensorType};
use crate::error::{Error, Result};
use crate::models::captioning::words;
use crate::models::sentences::{END, Language, Unit};
use crate::train::{Dataset, Frame};
use serde::Deserialize;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Words of the longest questions.
const MOST: usize = 1000;
/// Questions about photos with their answers, in the file's order.
#[derive(Clone, Debug)]
pub struct Questions {
    source: String,
    photos: Vec<PathBuf>,
    questions: Vec<Question>,
}

#[derive(Clone, Debug, PartialEq)]
struct Question {
    photo: usize,
    text: String,
    /// Those that most people gave first.
    answers: Vec<String>,
    kind: usize,
}

#[derive(Deserialize)]
struct AskedFile {
    data_subtype: String,
    questions: Vec<VqaQuestion>,
}

#[derive(Deserialize)]
struct VqaQuestion {
    question_id: u64,
    image_id: u64,
    question: String,
}

#[derive(Deserialize)]
struct AnsweredFile {
    annotations: Vec<VqaAnnotation>,
}

#[derive(Deserialize)]
struct VqaAnnotation {
    question_id: u64,
    answer_type: Option<String>,
    answers: Vec<VqaAnswer>,
}

#[derive(Deserialize)]
struct VqaAnswer {
    answer: String,
}

/// The text of a file.
fn text(file: &Path) -> Result<String> {
    let bytes = std::fs::read(file).map_err(|e| Error::io(file, e))?;
    let text = String::from_utf8(bytes).map_err(|_| Error::model(file.display().to_string(), "is no text in UTF-8"))?;
    Ok(text.strip_prefix('\u{FEFF}').unwrap_or(&text).to_owned())
}

/// An answer as it is compared with others.
fn answer(text: &str) -> String {
    const NUMBERS: [&str; 11] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
    let number = |word: &str| if word == "none" { Some(0) } else { NUMBERS.iter().position(|number| *number == word) };
    let digit = |word: &str| number(word).map_or_else(|| word.to_owned(), |n| n.to_string());
    let all = words(text);
    let kept = all.split_whitespace().filter(|word| !["a", "an", "the"].contains(word) || all == *word).map(digit);
    kept.collect::<Vec<_>>().join(" ")
}

/// The kind of a question with these answers.
fn kind(answers: &[String]) -> usize {
    match answers.first().map(String::as_str) {
        Some("yes" | "no") => 0,
        Some(first) if !first.is_empty() && first.bytes().all(|b| b.is_ascii_digit()) => 1,
        _ => 2,
    }
}

/// What most people say first; what as many say stays as it was.
fn sorted(answers: Vec<String>) -> Vec<String> {
    let mut counted: Vec<(usize, String)> =
        answers.iter().map(|answer| (answers.iter().filter(|other| *other == answer).count(), answer.clone())).collect();
    counted.sort_by_key(|(count, _)| Reverse(*count));
    counted.into_iter().map(|(_, answer)| answer).collect()
}

impl Questions {
    /// Reads a file of questions about the photos in a folder; where it is JSON, `answers` is the file of annotations.
    ///
    /// # Errors
    /// [`Error::Io`] if it or a photo cannot be read; [`Error::Model`] if it is of another form or has no questions with answers.
    pub fn open(questions: &Path, answers: Option<&Path>, folder: &Path) -> Result<Self> {
        let (source, asked) = (questions.display().to_string(), text(questions)?);
        let own = match (asked.trim_start().starts_with('{'), answers) {
            (true, Some(answers)) => Self::vqa(&source, &asked, &answers.display().to_string(), &text(answers)?)?,
            (true, None) => {
                return Err(Error::model(source, "is JSON of questions as VQA has it: the file of their annotations is needed, too"));
            }
            (false, None) => Self::lines(&source, &asked)?,
            (false, Some(answers)) => {
                let reason = format!("is no JSON of questions as VQA has it, to which the annotations in {} belong", answers.display());
                return Err(Error::model(source, reason));
            }
        };
        let there = |name: PathBuf| {
            let path = folder.join(name);
            std::fs::metadata(&path).map_err(|e| Error::io(&path, e))?;
            Ok(path)
        };
        Ok(Self { photos: own.photos.into_iter().map(there).collect::<Result<_>>()?, ..own })
    }

    /// Of questions with the names of their photos, their answers, and their kinds.
    fn of(source: &str, all: impl Iterator<Item = (String, String, Vec<String>, Option<usize>)>) -> Result<Self> {
        let (mut photos, mut numbers, mut questions) = (Vec::new(), HashMap::new(), Vec::new());
        for (name, question, answers, kind_said) in all {
            let answers: Vec<String> = answers.iter().map(|text| answer(text)).filter(|answer| !answer.is_empty()).collect();
            let text = words(&question);
            if answers.is_empty() || text.is_empty() {
                continue;
            }
            let photo = *numbers.entry(name.clone()).or_insert_with(|| {
                photos.push(PathBuf::from(name));
                photos.len() - 1
            });
            let answers = sorted(answers);
            let kind = kind_said.unwrap_or_else(|| kind(&answers));
            questions.push(Question { photo, text, answers, kind });
        }
        if questions.is_empty() {
            return Err(Error::model(source, "has no questions with answers"));
        }
        Ok(Self { source: source.to_owned(), photos, questions })
    }

    fn lines(source: &str, text: &str) -> Result<Self> {
        let mut all = Vec::new();
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let mut parts = line.split('\t').map(|part| part.trim().to_owned());
            let (Some(photo), Some(question), answers) = (parts.next(), parts.next(), parts.collect::<Vec<_>>()) else { continue };
            if answers.is_empty() {
                let reason = format!("line {} has fewer than two tabs; a photo's name, a question and its answer belong there", at + 1);
                return Err(Error::model(source, reason));
            }
            all.push((photo, question, answers, None));
        }
        Self::of(source, all.into_iter())
    }

    fn vqa(source: &str, asked: &str, answers_source: &str, answered: &str) -> Result<Self> {
        let wrong = |source: &str, e: serde_json::Error| Error::model(source, format!("is no JSON as VQA has it: {e}"));
        let asked: AskedFile = serde_json::from_str(asked).map_err(|e| wrong(source, e))?;
        let answered: AnsweredFile = serde_json::from_str(answered).map_err(|e| wrong(answers_source, e))?;
        let mut by_number: HashMap<u64, VqaAnnotation> = answered.annotations.into_iter().map(|a| (a.question_id, a)).collect();
        let subtype = asked.data_subtype;
        let all = asked.questions.into_iter().filter_map(|question| {
            let VqaAnnotation { answer_type, answers, .. } = by_number.remove(&question.question_id)?;
            let kind = answer_type.and_then(|kind| KINDS.iter().position(|known| *known == kind));
            let photo = format!("COCO_{subtype}_{:012}.jpg", question.image_id);
            Some((photo, question.question, answers.into_iter().map(|a| a.answer).collect(), kind))
        });
        Self::of(source, all)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.questions.len()
    }

    /// Whether there are none, which cannot be.
    pub fn is_empty(&self) -> bool {
        self.questions.is_empty()
    }

    /// The language of the questions: the most frequent words, `most` at most.
    ///
    /// # Errors
    /// Never, of questions that were read.
    pub fn language(&self, most: usize) -> Result<Language> {
        Language::learnt(Unit::Words, self.questions.iter().map(|question| question.text.as_str()), most)
    }

    /// The answers that most questions have, `most` at most, the most frequent first.
    pub fn answers(&self, most: usize) -> Vec<String> {
        let mut counts: HashMap<&str, u64> = HashMap::new();
        for first in self.questions.iter().filter_map(|question| question.answers.first()) {
            *counts.entry(first).or_default() += 1;
        }
        let mut all: Vec<(&str, u64)> = counts.into_iter().collect();
        all.sort_unstable_by_key(|&(answer, count)| (Reverse(count), answer));
        all.into_iter().take(most).map(|(answer, _)| answer.to_owned()).collect()
    }

    /// An example for each question that has an answer of `answers` and no more than `longest` words.
    ///
    /// # Errors
    /// [`Error::Model`] if there are none, or `longest` is above 1000.
    pub fn to_learn(&self, language: &Language, answers: &[String], frame: Frame, longest: usize) -> Result<AskedPhotos> {
        self.examples(language, answers, frame, longest, true)
    }

    /// An example for each question; of those that are longer the first `longest` words.
    ///
    /// # Errors
    /// [`Error::Model`] if `longest` is above 1000.
    pub fn to_answer(&self, language: &Language, answers: &[String], frame: Frame, longest: usize) -> Result<AskedPhotos> {
        self.examples(language, answers, frame, longest, false)
    }

    fn examples(&self, language: &Language, answers: &[String], frame: Frame, longest: usize, known: bool) -> Result<AskedPhotos> {
        let wrong = |reason: String| Error::model(self.source.clone(), reason);
        if longest > MOST {
            return Err(wrong(format!("questions of up to {longest} words were asked for; {MOST} are the most")));
        }
        let numbers: HashMap<&str, i32> = answers.iter().map(String::as_str).zip(0..).collect();
        let people = self.questions.iter().map(|question| question.answers.len()).max().unwrap_or(1);
        let read = |question: &Question| {
            let words: Vec<i32> = language.read(&question.text).into_iter().take_while(|word| *word != END).collect();
            let references: Vec<i32> = question.answers.iter().map(|a| numbers.get(a.as_str()).copied().unwrap_or(OTHER)).collect();
            Asked { photo: question.photo, words, references, kind: question.kind }
        };
        let fits = |asked: &Asked| !known || asked.words.len() <= longest && asked.references.first() != Some(&OTHER);
        let questions: Vec<Asked> = self.questions.iter().map(read).filter(fits).collect();
        if questions.is_empty() {
            return Err(wrong(format!("has no question of {longest} words or fewer with one of {} answers", answers.len())));
        }
        Ok(AskedPhotos { frame, photos: self.photos.clone(), questions, longest, people })
    }
}

#[derive(Clone, Debug)]
struct Asked {
    photo: usize,
    words: Vec<i32>,
    references: Vec<i32>,
    kind: usize,
}

/// Photos with a question each: `image`, f32 (3, h, w) of 0..1; `words`, i32 (1, longest), filled up by 0; `references`, i32 (1, people), the
/// answers by number, those that most gave first, filled up by [`NONE`](super::NONE); and `kind`, i32 (1), of [`KINDS`].
#[derive(Clone, Debug)]
pub struct AskedPhotos {
    frame: Frame,
    photos: Vec<PathBuf>,
    questions: Vec<Asked>,
    longest: usize,
    people: usize,
}

impl Dataset for AskedPhotos {
    fn len(&self) -> usize {
        self.questions.len()
    }

    fn tensors(&self) -> Vec<(String, TensorType)> {
        tensors(self.frame.image_type(), 1, self.longest, self.people)
    }

    fn example(&self, index: usize, _: u64) -> Result<Vec<Array>> {
        let missing = || Error::shape("questions", format!("example {index} of {}", self.len()));
        let asked = self.questions.get(index).ok_or_else(missing)?;
        let image = self.frame.open(self.photos.get(asked.photo).ok_or_else(missing)?)?;
        let question = (asked.words.clone(), asked.references.clone(), asked.kind);
        Ok(example(image, &[question], self.longest, self.people))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::{Hw, picture};
    use crate::train::Fit;

    #[test]
    fn both_forms_say_the_same() {
        let asked = r#"{"data_subtype": "val2014", "questions": [{"question_id": 1, "image_id": 42, "question": "What's on the left?"},
            {"question_id": 2, "image_id": 42, "question": "How many dogs?"}, {"question_id": 3, "image_id": 7, "question": "Why?"}]}"#;
        let answered = r#"{"annotations": [{"question_id": 2, "answer_type": "number", "answers": [{"answer": "one"}, {"answer": "2"},
            {"answer": "Two."}]}, {"question_id": 1, "image_id": 42, "answers": [{"answer": "A cat"}]}]}"#;
        let lines = "COCO_val2014_000000000042.jpg\twhat's on the left\tcat\n\nCOCO_val2014_000000000042.jpg\tHow many dogs\t1\t2\t2\n";
        let [json, text] = [Questions::vqa("q", asked, "a", answered).unwrap(), Questions::lines("q", lines).unwrap()];
        assert_eq!((&json.photos, &json.questions), (&text.photos, &text.questions));
        assert_eq!((json.len(), json.questions[1].answers.join(" ")), (2, "2 2 1".to_owned()));
        assert_eq!(json.questions.iter().map(|q| KINDS[q.kind]).collect::<Vec<_>>(), ["other", "number"]);
        assert_eq!(json.answers(9), ["2", "cat"]);
    }

    #[test]
    fn answers_are_compared_without_articles() {
        let found = ["The red one.", "none", "a", "Yes!", "ten"].map(answer);
        assert_eq!(found, ["red 1", "0", "a", "yes", "10"]);
        assert_eq!([["yes"], ["10"], ["red 1"], [""]].map(|a| kind(&a.map(str::to_owned))), [0, 1, 2, 2]);
    }

    #[test]
    fn other_forms_are_refused() {
        for (text, part) in [("", "no questions"), ("1.png\twhy\n", "line 1 has fewer than two tabs"), ("1.png\t?\tyes", "no questions")] {
            let error = Questions::lines("q", text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        let error = Questions::vqa("q", "{}", "a", "{}").unwrap_err().to_string();
        assert!(error.contains("q: is no JSON as VQA has it: missing field `data_subtype`"), "{error}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("q.json");
        std::fs::write(&file, "{}").unwrap();
        assert!(Questions::open(&file, None, folder.path()).unwrap_err().to_string().contains("annotations is needed"));
    }

    #[test]
    fn examples_are_questions_with_known_answers() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("q.tsv");
        std::fs::write(&file, "1.png\tis it red\tyes\n1.png\tis it a very red one\tno\n1.png\twhat is it\tcar\n").unwrap();
        assert!(Questions::open(&file, None, folder.path()).unwrap_err().to_string().contains("1.png"));
        picture::write_png(folder.path().join("1.png"), &Array::full([1, 3, 4, 6], 0.5f32)).unwrap();
        let questions = Questions::open(&file, None, folder.path()).unwrap();
        let (language, answers) = (questions.language(99).unwrap(), ["yes", "no"].map(str::to_owned));
        let frame = Frame::new(Hw::new(2, 2), 3, Fit::Crop).unwrap();
        let learnt = questions.to_learn(&language, &answers, frame, 4).unwrap();
        let all = questions.to_answer(&language, &answers, frame, 4).unwrap();
        assert_eq!((learnt.len(), all.len()), (1, 3), "one is too long, one has another answer");
        for (i, references) in [[0.0], [1.0], [f64::from(OTHER)]].iter().enumerate() {
            let example = all.example(i, 0).unwrap();
            assert!(example.iter().zip(all.tensors()).all(|(a, (_, ty))| a.ty() == ty));
            assert_eq!(example[2].to_f64(), references);
        }
        let words = learnt.example(0, 0).unwrap()[1].values::<i32>().unwrap().to_vec();
        assert_eq!((language.write(&words), words[3]), ("is it red".to_owned(), END));
        assert!(learnt.example(1, 0).is_err());
        assert!(questions.to_learn(&language, &answers, frame, 2000).unwrap_err().to_string().contains("1000 are the most"));
    }
}
