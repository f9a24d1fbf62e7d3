//! Shader text: a generated header, then the file with its `#import`s expanded and its `#for`s written out.

/// Names of the files under `shaders/include/` and their texts.
macro_rules! includes {
    ($($name:ident,)*) => {
        &[$((stringify!($name), include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/include/", stringify!($name), ".wgsl")))),*]
    };
}

/// What several shaders share, under `shaders/include/`, by name.
pub const INCLUDES: &[(&str, &str)] = includes! {
    activations,
    affine,
    ahead,
    apart,
    attention,
    attention_gradient,
    attention_gradient_lanes,
    attention_gradient_tile,
    attention_items,
    attention_lanes,
    attention_of_16,
    attention_scores,
    attention_tiles,
    casts,
    component,
    conv2d,
    conv2d_product,
    conv2d_weight,
    conv2d_weight_lanes,
    conv2d_weight_product,
    conv_transpose2d,
    divide,
    fixed,
    fixed_sum,
    floats,
    formats,
    fours,
    halves,
    index,
    lanes,
    larger,
    line,
    lstm_cell,
    math,
    matmul,
    matmul_product,
    matrices,
    matrices_of_16,
    max_unpool2d,
    nan,
    noted,
    order,
    pairs,
    parts,
    phases,
    pick,
    quotient,
    recurrent,
    recurrent_gradient,
    recurrent_plain,
    recurrent_product,
    reduction,
    roi_align,
    roi_samples,
    rows_places,
    sample,
    scalar,
    scatter,
    sides,
    signed,
    singles,
    sort_key,
    split,
    stand_in,
    taps,
    threefry,
    tiles,
    together,
    unbegun,
    unfinished,
    unsigned,
    upsample,
    vec4,
    vectors,
    whole_fours,
    whole_part,
    window,
};

/// `header`, then `source`, with each line `#import name` replaced by the helper of that name, once. Helpers import too.
///
/// Lines between `#for r DOWN` and `#end` are repeated with 0, 1, .. for `$r`, as often as a line `#set DOWN 4` before them says,
/// or between `#for r 4` and `#end`: for variables that must have names, since drivers keep arrays of them in memory. After `#set READ key value` they are repeated with each of
/// these words: for functions that differ by the binding they read, which is no argument of a function. Of two sets of a name the first
/// counts.
///
/// What is wrong stays in the text, where the WGSL parser will point at it.
pub fn expand(header: &str, source: &str) -> String {
    let mut text = String::with_capacity(header.len() + source.len() + 1024);
    let mut pasted = Vec::new();
    paste(&mut text, &mut pasted, header);
    paste(&mut text, &mut pasted, source);
    if !text.contains("#for ") {
        return text;
    }
    let mut unrolled = String::with_capacity(2 * text.len());
    unroll(&mut unrolled, &mut Vec::new(), &text);
    unrolled
}

/// `text` with its `#for`s written out, those of the outside first; `sets` are the words known so far, a number n as 0, 1, .. n - 1.
fn unroll(unrolled: &mut String, sets: &mut Vec<(String, Vec<String>)>, text: &str) {
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["#set", name, number] if number.parse::<u32>().is_ok() => sets.push((name.to_owned(), numbers(number))),
            ["#set", name, ref words @ ..] if !words.is_empty() => {
                sets.push((name.to_owned(), words.iter().map(|&word| word.to_owned()).collect()))
            }
            ["#for", variable, set] if sets.iter().any(|(name, _)| name == set) || set.parse::<u32>().is_ok() => {
                let mut open = 1;
                let inside = lines.by_ref().take_while(|line| {
                    open += i32::from(line.trim_start().starts_with("#for ")) - i32::from(line.trim() == "#end");
                    open > 0
                });
                let inside: String = inside.flat_map(|line| [line, "\n"]).collect();
                let known = sets.iter().find(|(name, _)| name == set).map(|(_, words)| words.clone());
                for word in known.unwrap_or_else(|| numbers(set)) {
                    unroll(unrolled, sets, &inside.replace(&format!("${variable}"), &word));
                }
            }
            _ => {
                unrolled.push_str(line);
                unrolled.push('\n');
            }
        }
    }
}

/// 0, 1, .. `end` - 1.
fn numbers(end: &str) -> Vec<String> {
    (0..end.parse::<u32>().unwrap_or(0)).map(|n| n.to_string()).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_are_written_out() {
        let text = expand(
            "#set DOWN 2\n#set ACROSS 2\n#set NONE 0\n",
            "#for r DOWN\n#for c ACROSS\nlet x$r_$c = $r + $c;\n#end\nrow $r\n#end\n#for n NONE\nnever\n#end\nend",
        );
        assert_eq!(text, "let x0_0 = 0 + 0;\nlet x0_1 = 0 + 1;\nrow 0\nlet x1_0 = 1 + 0;\nlet x1_1 = 1 + 1;\nrow 1\nend\n");
    }

    #[test]
    fn words_are_written_out() {
        let text = expand("#set READ key value\n#set READ neither\n", "#for input READ\nfn $input_item() { $input[0] }\n#end");
        assert_eq!(text, "fn key_item() { key[0] }\nfn value_item() { value[0] }\n");
    }

    #[test]
    fn what_is_wrong_is_left() {
        assert_eq!(expand("", "#for r DOWN\nx\n#end\n#import nothing"), "#for r DOWN\nx\n#end\n#import nothing\n");
    }
}
