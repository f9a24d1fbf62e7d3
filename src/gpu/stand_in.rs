//! Any adapter in place of a large GPU: it takes the kernels that one would, and threads multiply what are matrices of subgroups there.
//!
//! So what a GPU computes is computed, slowly, where there is none. A kernel on cooperative matrices keeps its text but for the statements
//! that make, multiply, add and store them. Invocation `lane` of a subgroup holds of each matrix:
//!
//! | matrix | what |
//! |---|---|
//! | A | row `lane % SIDE` |
//! | B | where it lies in shared memory, which does not change before it is multiplied |
//! | C | WIDTH = SIDE SIDE / SUBGROUP neighbours of that row, from `lane / SIDE * WIDTH` on |
//!
//! A variable is a register, known when the text is made, and products and sums are steps of a program which goes through them in one loop
//! before the next barrier, store or end of a block: written out where each stands they would take a software adapter minutes to compile.

use super::{Capabilities, expand};
use crate::error::{Error, Result};
use std::collections::HashMap;
use std::fmt::Write;
use wgpu::Features;

/// The GPU that an adapter stands in for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StandIn {
    side: u32,
    subgroup: u32,
}

impl StandIn {
    /// One whose subgroups of so many invocations multiply matrices of 16 x 16 or 8 x 8: most have 16 x 16 and 32.
    ///
    /// # Errors
    /// If rows and elements of a matrix do not divide among a subgroup's invocations.
    pub fn new(side: u32, subgroup: u32) -> Result<Self> {
        if matches!(side, 8 | 16) && subgroup > 0 && subgroup.is_multiple_of(side) && (side * side).is_multiple_of(subgroup) {
            return Ok(Self { side, subgroup });
        }
        Err(Error::Device(format!("no adapter stands in for subgroups of {subgroup} that multiply matrices of {side} x {side}")))
    }

    /// What there is to choose by on an adapter that has `own` capabilities: its limits stay.
    pub(super) fn capabilities(self, own: Capabilities) -> Capabilities {
        Capabilities {
            name: format!("{} in place of a GPU with subgroups of {} and matrices of {}", own.name, self.subgroup, self.side),
            software: false,
            subgroup_sizes: (self.subgroup, self.subgroup),
            matrices: own.features.contains(Features::SHADER_F16).then_some(self.side),
            ..own
        }
    }

    /// `text`, a whole shader, with its matrices spelt out for threads; as it is if it has none.
    pub(super) fn spell_out(self, text: &str) -> String {
        if !text.contains("coopMultiplyAdd(") {
            return text.to_owned();
        }
        let builtins = ", @builtin(subgroup_id) subgroup: u32, @builtin(subgroup_invocation_id) lane: u32,\n) {";
        let begin = format!(
            ",\n) {{
    let subgroup = local / {0};
    let lane = local % {0};
    matrix_begin(lane, num_groups.z - 1);",
            self.subgroup
        );
        let mut spelt = Spelt { sums: 1, ..Spelt::default() };
        for word in text.split(|c: char| !c.is_alphanumeric() && c != '_') {
            *spelt.words.entry(word).or_default() += 1;
        }
        text.replace(builtins, &begin).lines().for_each(|line| spelt.line(line));
        let functions = self.functions(&spelt);
        spelt.text + &functions
    }

    /// What the text calls.
    fn functions(self, spelt: &Spelt<'_>) -> String {
        let Self { side, subgroup } = self;
        let width = side * side / subgroup;
        let names = |layouts: &mut dyn Iterator<Item = &Layout>| layouts.map(Layout::name).collect::<Vec<_>>().join(" ");
        let mut text = format!(
            "#set WIDTH {width}\n#set ARRAYS {}\n#set STORED {}\n",
            names(&mut spelt.layouts.iter()),
            names(&mut spelt.layouts.iter().filter(|layout| layout.stored))
        );
        let registers = [("ROWS", spelt.rows.max(1)), ("LINES", spelt.lines.max(1)), ("SUMS", spelt.sums)];
        for (name, value) in registers.into_iter().chain([("SIDE", side), ("WIDTH", width), ("ADD", ADD)]) {
            let _ = writeln!(text, "const MATRIX_{name}: u32 = {value};");
        }
        let program: Vec<String> = spelt.program.iter().map(|[to, c, a, b]| format!("0x{to:02x}{c:02x}{a:02x}{b:02x}")).collect();
        let _ = writeln!(text, "var<private> matrix_program = array<u32, {}>({});", program.len(), program.join(", "));
        for (number, layout) in spelt.layouts.iter().enumerate() {
            let (name, element) = (layout.name(), layout.element());
            let at = "at: u32, pitch: u32, row: u32, column: u32";
            let _ = writeln!(text, "const matrix_is_{name}: u32 = {number};");
            let _ = writeln!(text, "fn matrix_element_{name}({at}) -> f32 {{ return f32({element}); }}");
            if layout.stored {
                let _ = writeln!(text, "fn matrix_put_{name}({at}, v: f32) {{ {element} = v; }}");
            }
        }
        expand(&text, "#import stand_in")
    }
}

/// In the place of an A: the step is a sum. Registers are less.
const ADD: u32 = 255;

/// A shader's text so far, with matrices spelt out.
#[derive(Default)]
struct Spelt<'t> {
    text: String,
    /// How often each word is in the text before.
    words: HashMap<&'t str, usize>,
    /// The register of each variable: an A's, a B's or a C's.
    variables: HashMap<String, u32>,
    /// How many registers there are of A, B and C.
    rows: u32,
    lines: u32,
    sums: u32,
    /// Registers of C that nobody uses any more.
    free: Vec<u32>,
    program: Vec<[u32; 4]>,
    /// How many A's are held and how many steps computed by where the text has come.
    held: u32,
    run: usize,
    layouts: Vec<Layout>,
}

/// How matrices lie in an array of vectors in shared memory.
#[derive(Debug)]
struct Layout {
    array: String,
    /// Whether neighbours in memory are neighbours in a row.
    by_rows: bool,
    /// Whether a C is stored there.
    stored: bool,
}

impl Layout {
    fn name(&self) -> String {
        format!("{}_by_{}", self.array, if self.by_rows { "rows" } else { "columns" })
    }

    /// An element of the matrix that begins at vector `at`, and lines of which are `pitch` vectors apart.
    fn element(&self) -> String {
        let (line, inside) = if self.by_rows { ("row", "column") } else { ("column", "row") };
        format!("{}[at + {line} * pitch + {inside} / 4][{inside} % 4]", self.array)
    }
}

impl Spelt<'_> {
    /// Appends what stands for `line`; what is no statement about matrices stays as it is.
    fn line(&mut self, line: &str) {
        if line == "enable wgpu_cooperative_matrix;" || line.contains(" = coop_mat") {
            return;
        }
        let statement = line.trim();
        if statement == "workgroupBarrier();" || statement.starts_with("coopStore") || statement.contains(['{', '}']) {
            self.compute();
        }
        if self.statement(statement).is_none() {
            self.text.push_str(line);
            self.text.push('\n');
        }
    }

    /// Computes what is noted so far.
    fn compute(&mut self) {
        if self.held < self.rows {
            let _ = writeln!(self.text, "matrix_hold({}, {});", self.held, self.rows - 1);
            self.held = self.rows;
        }
        if self.run < self.program.len() {
            let _ = writeln!(self.text, "matrix_run({}, {});", self.run, self.program.len() - 1);
            self.run = self.program.len();
        }
    }

    /// Notes or appends what `statement` does; `None` if it is not about matrices.
    fn statement(&mut self, statement: &str) -> Option<()> {
        let statement = statement.strip_suffix(';')?;
        if let Some((call, inside)) = statement.split_once('(').filter(|(call, _)| call.starts_with("coopStore")) {
            let (value, place) = inside.split_once(", ")?;
            let register = *self.variables.get(value)?;
            let (layout, at, pitch) = self.place(place, call == "coopStoreT")?;
            layout.stored = true;
            let name = layout.name();
            let _ = writeln!(self.text, "matrix_store_{name}({register}, {at}, {pitch});");
            return Some(());
        }
        let (name, value) = statement.split_once(" = ")?;
        let (kept, name) = match name.split_once(' ') {
            Some((kept, name)) => (kept, name),
            None => ("", name),
        };
        let old = self.variables.get(name).copied();
        if value == "MatrixC()" {
            // What never changes is the first register.
            let register = if kept == "var" { self.sum(None) } else { 0 };
            if kept == "var" {
                self.program.push([register, 0, ADD, 0]);
            }
            self.variables.insert(name.to_owned(), register);
        } else if let Some(factors) = value.strip_prefix("coopMultiplyAdd(") {
            let [a, b, c] = factors.strip_suffix(')')?.split(", ").collect::<Vec<_>>().try_into().ok()?;
            let (a, b, c) = (*self.variables.get(a)?, *self.variables.get(b)?, self.term(c)?);
            let to = self.sum(old);
            self.program.push([to, c, a, b]);
            self.variables.insert(name.to_owned(), to);
        } else if let Some((a, b)) = value.split_once(" + ").filter(|_| old.is_some()) {
            let (c, b) = (*self.variables.get(a)?, self.term(b)?);
            let to = self.sum(old);
            self.program.push([to, c, ADD, b]);
        } else {
            let (load, place) = value.strip_prefix("coopLoad")?.split_once(">(")?;
            let (transposed, role) = load.split_once("<Matrix")?;
            if role == "C" {
                self.compute(); // with what was there before
            }
            let (layout, at, pitch) = self.place(place, transposed == "T")?;
            let layout = layout.name();
            let register = match role {
                "A" => {
                    let _ = writeln!(self.text, "matrix_rows[{}] = vec2({at}, matrix_place(matrix_is_{layout}, {pitch}));", self.rows);
                    self.rows += 1;
                    self.rows - 1
                }
                "B" => {
                    let _ = writeln!(self.text, "matrix_lines[{}] = vec2({at}, matrix_place(matrix_is_{layout}, {pitch}));", self.lines);
                    self.lines += 1;
                    self.lines - 1
                }
                _ => {
                    let register = self.sum(old);
                    let _ = writeln!(self.text, "matrix_load_{layout}({register}, {at}, {pitch});");
                    register
                }
            };
            self.variables.insert(name.to_owned(), register);
        }
        Some(())
    }

    /// The register of a C that has one already, or one that nobody uses.
    fn sum(&mut self, old: Option<u32>) -> u32 {
        old.or_else(|| self.free.pop()).unwrap_or_else(|| {
            self.sums += 1;
            self.sums - 1
        })
    }

    /// The register of a C that is added to or added. One that is made, used here and nowhere else is free from now on.
    fn term(&mut self, name: &str) -> Option<u32> {
        let register = *self.variables.get(name)?;
        if register > 0 && self.words.get(name) == Some(&2) {
            self.free.push(register);
        }
        Some(register)
    }

    /// What `&array[index], pitch)` says: the layout, the index and the pitch.
    fn place<'t>(&mut self, place: &'t str, by_rows: bool) -> Option<(&mut Layout, &'t str, &'t str)> {
        let (array, place) = place.strip_prefix('&')?.strip_suffix(')')?.split_once('[')?;
        let (index, pitch) = place.rsplit_once("], ")?;
        let number = self.layouts.iter().position(|there| there.array == array && there.by_rows == by_rows).unwrap_or_else(|| {
            self.layouts.push(Layout { array: array.to_owned(), by_rows, stored: false });
            self.layouts.len() - 1
        });
        Some((&mut self.layouts[number], index, pitch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrices_divide_among_invocations() {
        for (side, subgroup, may_be) in [
            (16, 32, true),
            (16, 16, true),
            (16, 256, true),
            (8, 8, true),
            (8, 32, true),
            (8, 4, false),
            (16, 48, false),
            (4, 32, false),
            (8, 0, false),
        ] {
            assert_eq!(StandIn::new(side, subgroup).is_ok(), may_be, "{side}, {subgroup}");
        }
    }

    #[test]
    fn statements_become_steps() {
        let text = "enable wgpu_cooperative_matrix;
alias MatrixA = coop_mat16x16<f16, A>;
    let zero = MatrixC();
    var sum = MatrixC();
    for (var k = 0u; k < 9; k++) {
        let a = coopLoadT<MatrixA>(&left[k * 4], 4);
        let b = coopLoad<MatrixB>(&right[at[k]], PITCH);
        let step = coopMultiplyAdd(a, b, zero);
        sum = sum + step;
        other = other + step_of;
        workgroupBarrier();
    }
    coopStoreT(sum, &sums[0], 4);";
        let spelt = StandIn::new(16, 32).unwrap().spell_out(text);
        let body = spelt.split("\nconst").next().unwrap();
        assert_eq!(
            body.trim_end(),
            "matrix_run(0, 0);
    for (var k = 0u; k < 9; k++) {
matrix_rows[0] = vec2(k * 4, matrix_place(matrix_is_left_by_rows, 4));
matrix_lines[0] = vec2(at[k], matrix_place(matrix_is_right_by_columns, PITCH));
        other = other + step_of;
matrix_hold(0, 0);
matrix_run(1, 2);
        workgroupBarrier();
    }
matrix_store_sums_by_rows(1, 0, 4);"
        );
        // sum = 0; step = 0 + a b; sum = sum + step.
        assert!(spelt.contains("array<u32, 3>(0x0100ff00, 0x02000000, 0x0101ff02)"), "{spelt}");
        assert_eq!(StandIn::new(16, 32).unwrap().spell_out("no matrices"), "no matrices");
    }
}
