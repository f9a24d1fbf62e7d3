//! Shader text: a generated header, then the file with its `#import`s expanded.

/// Names of the files under `shaders/include/` and their texts.
macro_rules! includes {
    ($($name:ident,)*) => {
        &[$((stringify!($name), include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/include/", stringify!($name), ".wgsl")))),*]
    };
}

/// The helpers under `shaders/include/`, by name: pure functions, no bindings.
pub const INCLUDES: &[(&str, &str)] = includes! {
    activations,
    affine,
    apart,
    attention,
    casts,
    conv2d,
    conv_transpose2d,
    divide,
    fixed,
    fixed_sum,
    floats,
    formats,
    index,
    larger,
    line,
    math,
    matmul,
    nan,
    order,
    pairs,
    phases,
    pick,
    quotient,
    reduction,
    sample,
    scalar,
    sides,
    signed,
    singles,
    sort_key,
    taps,
    threefry,
    together,
    unfinished,
    unsigned,
    vec4,
};

/// `header`, then `source`, with each line `#import name` replaced by the helper of that name, once. Helpers import too.
///
/// A name that does not exist stays in the text, where the WGSL parser will point at it.
pub fn expand(header: &str, source: &str) -> String {
    let mut text = String::with_capacity(header.len() + source.len() + 1024);
    let mut pasted = Vec::new();
    paste(&mut text, &mut pasted, header);
    paste(&mut text, &mut pasted, source);
    text
}

fn paste(text: &mut String, pasted: &mut Vec<&'static str>, source: &str) {
    for line in source.lines() {
        let import = line.strip_prefix("#import ").map(str::trim);
        match import.and_then(|name| INCLUDES.iter().find(|(n, _)| *n == name)) {
            Some((name, _)) if pasted.contains(name) => {}
            Some((name, body)) => {
                pasted.push(name);
                paste(text, pasted, body);
            }
            None => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
}
