//! Lines as examples, and lines that are made of fonts by hands that are no two alike.

use super::alphabet::Alphabet;
use super::fonts::PenFont;
use super::pen::{Line, Scale, Stroke};
use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::train::{Dataset, Numbers};

/// Lines that a scale is measured on.
const MEASURED: usize = 256;

/// Tries for a line of no more points than there is room for.
const TRIES: u64 = 64;

/// How much room a line has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// The most points.
    pub points: usize,
    /// The most characters.
    pub characters: usize,
}

impl Room {
    /// Each point of a line is some sixty nodes of a graph.
    const MOST: usize = 1 << 16;

    fn check(self) -> Result<()> {
        let Self { points, characters } = self;
        if [points, characters].iter().all(|count| (1..=Self::MOST).contains(count)) {
            return Ok(());
        }
        Err(Error::shape("handwriting", format!("{points} points and {characters} characters of a line; 1 to {} are possible", Self::MOST)))
    }
}

/// Lines that were written, as examples: `pen`, f32 (points + 1, 3), the first zeros, `points`, i32 (), how many there are besides, and
/// `text`, i32 (characters), -1 behind the last.
#[derive(Clone, Debug)]
pub struct Lines {
    lines: Vec<Line>,
    room: Room,
    alphabet: Alphabet,
    scale: Scale,
}

impl Lines {
    /// The lines for which there is room, in `scale`.
    ///
    /// # Errors
    /// If there are none.
    pub fn new(lines: Vec<Line>, room: Room, alphabet: Alphabet, scale: Scale) -> Result<Self> {
        room.check()?;
        let all = lines.len();
        let lines: Vec<Line> = lines.into_iter().filter(|line| fits(line, room)).collect();
        if lines.is_empty() {
            let Room { points, characters } = room;
            let reason = format!("none of {all} lines has 1 to {points} points and 1 to {characters} characters");
            return Err(Error::shape("handwriting", reason));
        }
        Ok(Self { lines, room, alphabet, scale })
    }
}

fn fits(line: &Line, room: Room) -> bool {
    let points = line.strokes.iter().map(Vec::len).sum::<usize>();
    (1..=room.points).contains(&points) && (1..=room.characters).contains(&line.text.chars().count())
}

fn tensors(room: Room) -> Vec<(String, TensorType)> {
    vec![
        ("pen".to_owned(), TensorType::f32([room.points + 1, 3])),
        ("points".to_owned(), TensorType::new(DType::I32, [])),
        ("text".to_owned(), TensorType::new(DType::I32, [room.characters])),
    ]
}

fn example(line: &Line, room: Room, alphabet: &Alphabet, scale: &Scale) -> Vec<Array> {
    let points: Vec<f32> = line.points().into_iter().flat_map(|point| scale.seen(point)).collect();
    let text = alphabet.read(&line.text);
    vec![
        Array::from_fn([room.points + 1, 3], |i| i.checked_sub(3).and_then(|i| points.get(i)).copied().unwrap_or(0.0)),
        Array::scalar(i32::try_from(points.len() / 3).unwrap_or(i32::MAX)),
        Array::from_fn([room.characters], |i| text.get(i).copied().unwrap_or(-1)),
    ]
}

impl Dataset for Lines {
    fn len(&self) -> usize {
        self.lines.len()
    }

    fn tensors(&self) -> Vec<(String, TensorType)> {
        tensors(self.room)
    }

    fn example(&self, index: usize, _: u64) -> Result<Vec<Array>> {
        let line = self.lines.get(index).ok_or_else(|| Error::shape("lines", format!("line {index} of {}", self.lines.len())))?;
        Ok(example(line, self.room, &self.alphabet, &self.scale))
    }
}

/// What lines of fonts say, and how unsteadily they are written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Manner {
    /// How far points are from each other along a stroke, in ems.
    pub spacing: f32,
    /// How much hands differ and shake: 0 for fonts as they are, 1 for as much as people do, about.
    pub unsteady: f32,
    /// The share of words that begin with a capital letter.
    pub capitals: f64,
    /// The share of words that are numbers instead.
    pub numbers: f64,
    /// The share of words with a mark behind them.
    pub marks: f64,
}

/// Marks behind words.
const MARKS: [char; 4] = ['.', ',', '?', '!'];

/// Lines of words, made as they are asked for, each visit another.
#[derive(Clone, Debug)]
pub struct FontLines {
    fonts: Vec<PenFont>,
    words: Vec<String>,
    count: usize,
    room: Room,
    manner: Manner,
    seed: u64,
    alphabet: Alphabet,
    scale: Scale,
}

impl FontLines {
    /// `count` lines of `words` in these `fonts`, in as many characters as there is room for or fewer. The alphabet is that of the words and of
    /// what `manner` puts between them; words with characters that a font lacks are left out.
    ///
    /// # Errors
    /// If there are no fonts, no lines, or no words that fit.
    pub fn new(fonts: Vec<PenFont>, words: Vec<String>, count: usize, room: Room, manner: Manner, seed: u64) -> Result<Self> {
        room.check()?;
        let wrong = |reason: String| Err(Error::shape("handwriting", reason));
        let has = |letter: char| fonts.iter().all(|font| font.has(letter));
        let written = |word: &String| !word.is_empty() && word.chars().count() <= room.characters && word.chars().all(has);
        let words: Vec<String> = words.into_iter().filter(written).collect();
        if fonts.is_empty() || count == 0 || words.is_empty() {
            let found = format!("{} fonts, {count} lines, {} words that these have", fonts.len(), words.len());
            return wrong(format!("{found}; there must be one of each"));
        }
        if !(manner.spacing > 0.0 && manner.spacing.is_finite() && (0.0..=10.0).contains(&manner.unsteady)) {
            return wrong(format!("{manner:?}: spacing is positive, unsteady 0 to 10"));
        }
        let letters = words.iter().flat_map(|word| word.chars());
        let mut known: Vec<char> = letters.clone().collect();
        known.extend(letters.filter(|_| manner.capitals > 0.0).flat_map(char::to_uppercase));
        known.extend(('0'..='9').filter(|_| manner.numbers > 0.0));
        known.extend(MARKS.into_iter().filter(|_| manner.marks > 0.0));
        known.push(' ');
        known.sort_unstable();
        known.retain(|letter| has(*letter));
        let scale = Scale { mean: [0.0; 2], deviation: [1.0; 2], spacing: manner.spacing };
        let mut lines = Self { fonts, words, count, room, manner, seed, alphabet: Alphabet::new(known)?, scale };
        // Epochs are counted from 0: no line that is learnt from is measured, but lines like it.
        let measured = (0..MEASURED).map(|index| lines.line(index, u64::MAX)).collect::<Result<Vec<_>>>()?;
        lines.scale = Scale::measured(measured.iter().flat_map(Line::points), manner.spacing)?;
        Ok(lines)
    }

    /// Other lines in the same scale and alphabet.
    ///
    /// # Errors
    /// If there are none.
    pub fn others(&self, count: usize, words: Vec<String>, seed: u64) -> Result<Self> {
        let others = Self::new(self.fonts.clone(), words, count, self.room, self.manner, seed)?;
        Ok(Self { alphabet: self.alphabet.clone(), scale: self.scale, ..others })
    }

    /// The characters of its lines.
    pub fn alphabet(&self) -> &Alphabet {
        &self.alphabet
    }

    /// What its points are measured in.
    pub fn scale(&self) -> Scale {
        self.scale
    }

    /// Line `index` as it is written on visit `visit`.
    ///
    /// # Errors
    /// If no line fits into the room there is.
    pub fn line(&self, index: usize, visit: u64) -> Result<Line> {
        for attempt in 0..TRIES {
            let mut random = Numbers::new(self.seed, &format!("line {index} {visit} {attempt}"));
            let font = &self.fonts[random.below(self.fonts.len())];
            let line = self.written(font, &self.text(&mut random, attempt), &mut random)?;
            if fits(&line, self.room) {
                return Ok(line);
            }
        }
        Err(Error::shape("handwriting", format!("no line of {TRIES} fits into {:?}", self.room)))
    }

    /// Words, as many as fit; fewer after each attempt that had too many points.
    fn text(&self, random: &mut Numbers, attempt: u64) -> String {
        let most = (self.room.characters as u64 * (TRIES - attempt)).div_ceil(TRIES);
        let mut text = String::new();
        loop {
            let word = self.word(random);
            let longer = if text.is_empty() { word } else { format!("{text} {word}") };
            if longer.chars().count() as u64 > most {
                break;
            }
            text = longer;
        }
        if text.is_empty() { self.words[random.below(self.words.len())].clone() } else { text }
    }

    fn word(&self, random: &mut Numbers) -> String {
        let mut chance = |share: f64| random.between(0.0, 1.0) < share;
        let (number, capital, mark) = (chance(self.manner.numbers), chance(self.manner.capitals), chance(self.manner.marks));
        let mut word = if number {
            let digits = random.below(4);
            (0..=digits).map(|_| char::from(b'0' + u8::try_from(random.below(10)).unwrap_or(0))).collect()
        } else {
            self.words[random.below(self.words.len())].clone()
        };
        if let (true, Some(first)) = (capital, word.chars().next()) {
            word = first.to_uppercase().chain(word.chars().skip(1)).collect();
        }
        if mark {
            word.push(MARKS[random.below(MARKS.len())]);
        }
        word.retain(|letter| self.alphabet.unknown(&letter.to_string()).is_none());
        // What fonts lack is left out, but something is written.
        if word.is_empty() { self.words[random.below(self.words.len())].clone() } else { word }
    }

    /// `text` as a hand writes it that slants, stretches and shakes in its own way.
    fn written(&self, font: &PenFont, text: &str, random: &mut Numbers) -> Result<Line> {
        let unsteady = f64::from(self.manner.unsteady);
        let mut near = |deviation: f64| unsteady * deviation * random.normal();
        let (slant, turn, wide, tall) = (near(0.12), near(0.02), near(0.08).exp(), near(0.08).exp());
        let (pace, phase) = (near(0.05).exp(), near(3.0));
        #[expect(clippy::cast_possible_truncation, reason = "paper is not as fine")]
        let hand = |strokes: &mut [Stroke]| {
            let (right, up, lean, size) = (near(0.012), near(0.012), near(0.05), near(0.04).exp());
            for point in strokes.iter_mut().flatten() {
                let [x, y] = point.map(f64::from);
                *point = [(size * (x + lean * y) + right) as f32, (size * y + up) as f32];
            }
        };
        let line = font.write(text, hand)?.resampled(self.manner.spacing * pace as f32);
        #[expect(clippy::cast_possible_truncation, reason = "paper is not as fine")]
        let place = |[x, y]: [f32; 2]| {
            let (x, y) = (f64::from(x), f64::from(y));
            let (x, y) = (wide * (x + slant * y), tall * y);
            // A line that waves and rises, and a pen that is nowhere quite.
            let wave = unsteady * 0.012 * (1.7 * x + phase).sin();
            [(x - turn * y + near(0.004)) as f32, (y + turn * x + wave + near(0.004)) as f32]
        };
        Ok(line.moved(place))
    }
}

impl Dataset for FontLines {
    fn len(&self) -> usize {
        self.count
    }

    fn tensors(&self) -> Vec<(String, TensorType)> {
        tensors(self.room)
    }

    fn example(&self, index: usize, visit: u64) -> Result<Vec<Array>> {
        Ok(example(&self.line(index, visit)?, self.room, &self.alphabet, &self.scale))
    }
}
