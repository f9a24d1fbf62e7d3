//! Shader text for tensors that lie in memory as f16.
//!
//! What a shader declares as numbers of 32 bits, floats or words that it only moves, is kept in 16: widened where it is read, rounded where it
//! is stored, and computed with as it is written. Shaders use the elements of a binding as `name[index]`, or a component of that, which is
//! what is looked for. WGSL converts no number by itself, so a place that was missed is a type error when the pipeline is made, and no
//! wrong result.

use super::expand;
use crate::error::{Error, Result};
use std::collections::HashMap;

/// An array that is kept in f16.
struct Held<'a> {
    name: &'a str,
    scalar: Scalar,
    /// Of the vectors that are its elements; 1 where they are none. Pairs count as elements.
    width: usize,
}

/// What a shader takes one number for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scalar {
    Float,
    /// The bits of a float, as this type.
    Word(&'static str),
    /// The bits of two floats, as one u64: kernels for lanes load so.
    Pair,
}

/// `text`, a whole shader, with the storage buffers of these binding numbers as arrays of f16.
///
/// # Errors
/// [`Error::Unsupported`] if one of them is no array of numbers, or is not used as an array is.
pub(crate) fn halve(kernel: &'static str, text: &str, bindings: &[usize]) -> Result<String> {
    let text: String = text.lines().flat_map(|line| [line.split("//").next().unwrap_or_default(), "\n"]).collect();
    let aliases: HashMap<&str, &str> = text.lines().filter_map(alias).collect();
    let mut text = text.as_str().to_owned();
    let mut all = Vec::new();
    for &binding in bindings {
        let unknown = || Error::unsupported(kernel, format!("its binding {binding} cannot be kept in f16"));
        let (name, element) = declared(&text, binding).ok_or_else(unknown)?;
        let held = Held::of(name, &aliases, element).ok_or_else(unknown)?;
        let (from, to) = (format!("{name}: array<{element}>"), format!("{name}: array<{}>", held.ty()));
        all.push((name.to_owned(), held.scalar, held.width));
        text = text.replacen(&from, &to, 1);
    }
    let all: Vec<Held<'_>> = all.iter().map(|(name, scalar, width)| Held { name, scalar: *scalar, width: *width }).collect();
    let pairs = if all.iter().any(|held| held.scalar == Scalar::Pair) { "#import halves\n" } else { "" };
    let misused = || Error::unsupported(kernel, "a binding that is used as something else than an array cannot be kept in f16");
    Ok(format!("enable f16;\n{}{}", rewritten(&text, &all).ok_or_else(misused)?, expand(pairs, "")))
}

impl<'a> Held<'a> {
    /// An array called `name` of what `ty` stands for.
    fn of<'t>(name: &'a str, aliases: &HashMap<&str, &'t str>, mut ty: &'t str) -> Option<Self> {
        // Chains of names end, but nothing says so.
        for _ in 0..=aliases.len() {
            ty = aliases.get(ty).copied().unwrap_or(ty);
        }
        let (width, scalar) = match ty.strip_prefix("vec").and_then(|vector| vector.split_once('<')) {
            Some((width, scalar)) => (width.parse().ok()?, scalar.strip_suffix('>')?),
            None => (1, ty),
        };
        let scalar = aliases.get(scalar).copied().unwrap_or(scalar);
        let scalar = match scalar {
            "f32" => Scalar::Float,
            "u32" => Scalar::Word("u32"),
            "i32" => Scalar::Word("i32"),
            "u64" if width <= 2 => Scalar::Pair,
            _ => return None,
        };
        Some(Self { name, scalar, width })
    }

    /// What its elements are in memory.
    fn ty(&self) -> String {
        match (self.scalar, self.width) {
            (Scalar::Pair, 1) => "u32".to_owned(),
            (Scalar::Pair, _) => "u64".to_owned(),
            (_, width) => vector("f16", width),
        }
    }

    /// What `place`, of so many numbers, stands for in the shader.
    fn widened(&self, place: &str, width: usize) -> String {
        let float = vector("f32", width);
        match self.scalar {
            Scalar::Float => format!("{float}({place})"),
            Scalar::Word(word) => format!("bitcast<{}>({float}({place}))", vector(word, width)),
            Scalar::Pair => format!("{}_of_halves({place})", if width == 1 { "pair" } else { "pairs" }),
        }
    }

    /// What is stored for the shader's `value` of so many numbers.
    fn narrowed(&self, value: &str, width: usize) -> String {
        let half = vector("f16", width);
        match self.scalar {
            Scalar::Float => format!("{half}({value})"),
            Scalar::Word(_) => format!("{half}(bitcast<{}>({value}))", vector("f32", width)),
            Scalar::Pair => format!("halves_of_{}({value})", if width == 1 { "pair" } else { "pairs" }),
        }
    }
}

fn vector(scalar: &str, width: usize) -> String {
    if width == 1 { scalar.to_owned() } else { format!("vec{width}<{scalar}>") }
}

/// A name and what it stands for, of a line that says so.
fn alias(line: &str) -> Option<(&str, &str)> {
    let (name, ty) = line.trim().strip_prefix("alias ")?.strip_suffix(';')?.split_once('=')?;
    Some((name.trim(), ty.trim()))
}

/// Name and elements of the array that is the storage buffer of this binding number.
fn declared(text: &str, binding: usize) -> Option<(&str, &str)> {
    let (_, declaration) = text.split_once(&format!("@binding({binding}) var<storage"))?;
    let (name, ty) = declaration.split_once('>')?.1.split_once(';')?.0.split_once(':')?;
    Some((name.trim(), ty.trim().strip_prefix("array<")?.strip_suffix('>')?))
}

/// `text` with every use of `all` widened or narrowed; `None` if one is used as something else than an array.
fn rewritten(mut text: &str, all: &[Held<'_>]) -> Option<String> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut done = String::with_capacity(2 * text.len());
    while let Some(start) = text.find(is_name) {
        let (before, word) = text.split_at(start);
        let (word, mut after) = word.split_at(word.find(|c| !is_name(c)).unwrap_or(word.len()));
        done.push_str(before);
        text = after;
        // A member of that name is another thing.
        let Some(held) = all.iter().find(|held| held.name == word && !done.ends_with('.')) else {
            done.push_str(word);
            continue;
        };
        if !after.starts_with('[') {
            // Its declaration, or something else of that name: with brackets too, a float is widened twice, a word would be wrong.
            if matches!(held.scalar, Scalar::Word(_)) && (done.ends_with("let ") || done.ends_with("var ")) {
                return None;
            }
            done.push_str(word);
            continue;
        }
        let mut length = bracketed(after)?;
        let mut width = held.width;
        let component = component(&after[length..])?;
        if width > 1 && component > 0 {
            length += component;
            width = 1;
        }
        let place = format!("{word}{}", rewritten(&after[..length], all)?);
        after = &after[length..];
        match after.trim_start().strip_prefix('=').filter(|value| !value.starts_with('=')) {
            Some(value) => {
                let end = value.find(';')?;
                done += &format!("{place} = {}", held.narrowed(&rewritten(value[..end].trim(), all)?, width));
                text = &value[end..];
            }
            None => {
                done += &held.widened(&place, width);
                text = after;
            }
        }
    }
    done.push_str(text);
    Some(done)
}

/// The length of what `text` begins with, from its bracket to the one that closes it.
fn bracketed(text: &str) -> Option<usize> {
    let mut open = 0;
    let closes = |c: char| {
        open += i32::from(c == '[') - i32::from(c == ']');
        open == 0
    };
    Some(text.find(closes)? + 1)
}

/// The length of a component of a vector, if `text` begins with one: `[i]` or `.x`.
fn component(text: &str) -> Option<usize> {
    if text.starts_with('[') {
        return bracketed(text);
    }
    let mut letters = text.chars();
    let one = letters.next() == Some('.')
        && letters.next().is_some_and(|c| "xyzw".contains(c))
        && !letters.next().is_some_and(|c| c.is_alphanumeric() || c == '_');
    Some(if one { 2 } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn halved(text: &str, bindings: &[usize]) -> String {
        halve("test", text, bindings).unwrap().trim().to_owned()
    }

    #[test]
    fn loads_are_widened_and_stores_rounded() {
        let text = "alias Item = vec4<Scalar>;\nalias Scalar = f32;\n\
            @group(0) @binding(1) var<storage, read> x: array<Item>; // [n]\n\
            @group(0) @binding(2) var<storage, read> at: array<u32>;\n\
            @group(0) @binding(3) var<storage, read_write> y: array<f32>;\n\
            fn main() { y[i + 1] = x[at[i]][i % 4] + params.x[2] + x[0].y; if y[i] == 1.0 { y[i] = sum(x[i].xy); } }";
        let expected = "enable f16;\nalias Item = vec4<Scalar>;\nalias Scalar = f32;\n\
            @group(0) @binding(1) var<storage, read> x: array<vec4<f16>>; \n\
            @group(0) @binding(2) var<storage, read> at: array<u32>;\n\
            @group(0) @binding(3) var<storage, read_write> y: array<f16>;\n\
            fn main() { y[i + 1] = f16(f32(x[at[i]][i % 4]) + params.x[2] + f32(x[0].y)); \
            if f32(y[i]) == 1.0 { y[i] = f16(sum(vec4<f32>(x[i]).xy)); } }";
        assert_eq!(halved(text, &[1, 3]), expected);
    }

    #[test]
    fn words_are_the_bits_of_floats() {
        let text = "@binding(1) var<storage, read> x: array<vec2<u32>>;\n@binding(2) var<storage, read_write> y: array<i32>;\n\
            fn main() { y[0] = i32(x[1].x); let z = x[2]; }";
        let expected = "enable f16;\n@binding(1) var<storage, read> x: array<vec2<f16>>;\n\
            @binding(2) var<storage, read_write> y: array<f16>;\n\
            fn main() { y[0] = f16(bitcast<f32>(i32(bitcast<u32>(f32(x[1].x))))); let z = bitcast<vec2<u32>>(vec2<f32>(x[2])); }";
        assert_eq!(halved(text, &[1, 2]), expected);
    }

    #[test]
    fn what_is_no_array_of_numbers_is_refused() {
        let refused = |text: &str| halve("test", text, &[1]).unwrap_err().to_string();
        for text in [
            "",
            "@binding(1) var<storage, read_write> x: array<atomic<u32>>;",
            "@binding(1) var<storage, read> x: u32;",
            "alias A = B;\nalias B = A;\n@binding(1) var<storage, read> x: array<A>;",
        ] {
            assert!(refused(text).contains("binding 1"), "{text}");
        }
        for used in ["let x = y; let z = x[0];", "x[0;", "x[0] = 1"] {
            let text = format!("@binding(1) var<storage, read> x: array<u32>;\nfn main() {{ {used} }}");
            assert!(refused(&text).contains("as something else"), "{used}");
        }
    }
}
