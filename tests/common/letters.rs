//! Words for translators to learn: letters as they are, or backwards.

use foveate::array::Array;
use foveate::models::sentences::END;
use foveate::nn::init::Draws;

/// Letters of the longest word, and words of a batch.
pub const LONGEST: usize = 6;
pub const WORDS: usize = 32;

/// i32 (sentences, places): the words of each, and -1 behind them.
pub fn padded<T: AsRef<[i32]>>(sentences: &[T], places: usize) -> Array {
    Array::from_fn([sentences.len(), places], |i| sentences[i / places].as_ref().get(i % places).copied().unwrap_or(-1))
}

/// Batch `number`: words of three to six of eight letters, and the same as they are or backwards, (32, 7) each.
pub fn spelt(number: usize, backwards: bool) -> [Array; 2] {
    let letters = Draws::new(1, "letters");
    let word = |row: usize| {
        let at = (number * WORDS + row) * 8;
        let length = 3 + (letters.bits(at + 7) % 4) as usize;
        (0..length).map(|i| 2 + (letters.bits(at + i) % 8) as i32).collect::<Vec<_>>()
    };
    let words: Vec<Vec<i32>> = (0..WORDS).map(word).collect();
    let ended = |reverse: bool| {
        let turned = |word: &Vec<i32>| if reverse { word.iter().rev().copied().collect() } else { word.clone() };
        let rows: Vec<Vec<i32>> = words.iter().map(|word| [turned(word), vec![END]].concat()).collect();
        padded(&rows, LONGEST + 1)
    };
    [ended(false), ended(backwards)]
}
