//! parts: small neighbours of a row moved together, in one dispatch rather than one each.
//!
//! What unrolled sequences do most is to lay the states of all steps beside each other and to cut gradients into those of steps. A dispatch
//! for each costs more than what it moves, so several share one, as many as bindings allow everywhere.

use super::copy::copies;
use super::{Nest, Site, WORKGROUP, groups, u32_of, vector};
use crate::array::{DType, TensorType};
use crate::error::Result;
use crate::gpu::{Kernel, Launch, kernel, params};
use std::fmt::Write;
use std::ops::Range;

params! {
    struct Params {
        begins: [[u32; 4]; 2],
        count: u32,
        together: u32,
        row: u32,
        start: u32,
    }
}

pub(super) static JOIN: Kernel = kernel!("parts/join", Params, header: "#set PARTS 2\nalias Element = vec4<u32>;\n\
    @group(0) @binding(2) var<storage, read> part0: array<Element>;\n@group(0) @binding(3) var<storage, read> part1: array<Element>;\n");
pub(super) static CUT: Kernel = kernel!("parts/cut", Params, header: "#set PARTS 2\nalias Element = vec4<u32>;\n\
    @group(0) @binding(2) var<storage, read_write> part0: array<Element>;\n@group(0) @binding(3) var<storage, read_write> part1: array<Element>;\n");

/// Parts of a dispatch: with the whole and the parameters they are the eight storage buffers that every device has.
const PARTS: usize = 6;

/// The most of a part, in what is moved at a time: of larger ones a dispatch is the smaller share of the time, and on a CPU, which goes through
/// all cases of a switch, they are slower together.
const MOST: usize = 1 << 12;

/// How the parts of a tensor lie in it.
pub(super) struct Layout<'a> {
    /// Of the operator, for errors.
    pub(super) op: &'static str,
    /// Whether parts are joined, else the whole is cut.
    pub(super) joins: bool,
    pub(super) whole: &'a TensorType,
    pub(super) axis: usize,
    /// The sizes of the parts along the axis.
    pub(super) sizes: Vec<usize>,
    /// What moves each part by itself, the output first.
    pub(super) nests: Vec<Nest<2>>,
}

impl Layout<'_> {
    /// The launches that move all parts.
    pub(super) fn launches(&self, site: &Site<'_>) -> Result<Vec<Launch>> {
        let mut launches = Vec::new();
        let mut first = 0;
        while first < self.sizes.len() {
            let small = self.sizes[first..].iter().take(PARTS).take_while(|size| self.is_small(site, **size)).count();
            if small > 1 {
                launches.push(self.together(first..first + small));
                first += small;
            } else {
                let [input, output] = if self.joins { [first, 0] } else { [0, first] };
                launches.extend(copies(self.op, site, input, output, &self.nests[first])?);
                first += 1;
            }
        }
        Ok(launches)
    }

    /// Elements of a row for each place along the axis.
    fn inner(&self) -> usize {
        self.whole.shape[self.axis + 1..].iter().product()
    }

    fn outer(&self) -> usize {
        self.whole.shape[..self.axis].iter().product()
    }

    /// Words that are moved at a time.
    fn width(&self) -> usize {
        if self.sizes.iter().all(|size| (size * self.inner()).is_multiple_of(4)) { 4 } else { 1 }
    }

    fn is_small(&self, site: &Site<'_>, size: usize) -> bool {
        let words = matches!(self.whole.dtype, DType::F32 | DType::I32 | DType::U32);
        // A whole that no binding shows is seen through windows by those who move each part by itself.
        words && size * self.inner() * self.outer() / self.width() <= MOST && self.whole.device_bytes() <= site.device.max_binding()
    }

    fn together(&self, parts: Range<usize>) -> Launch {
        let (inner, outer) = (self.inner(), self.outer());
        let lengths: Vec<usize> = self.sizes[parts.clone()].iter().map(|size| size * inner).collect();
        let [row, start] = [self.whole.shape[self.axis], self.sizes[..parts.start].iter().sum()].map(|size| size * inner);
        let width = self.width();
        let mut begins = [0; 8];
        let mut together = 0;
        for (length, begin) in lengths.iter().zip(&mut begins[1..]) {
            together += length / width;
            *begin = u32_of(together);
        }
        let params = Params {
            begins: [[begins[0], begins[1], begins[2], begins[3]], [begins[4], begins[5], begins[6], begins[7]]],
            count: u32_of(outer * together),
            together: u32_of(together),
            row: u32_of(row / width),
            start: u32_of(start / width),
        };
        let (kernel, access) = if self.joins { (&JOIN, "read") } else { (&CUT, "read_write") };
        let mut header = format!("#set PARTS {}\nalias Element = {};\n", parts.len(), vector("u32", width));
        for k in 0..parts.len() {
            let _ = writeln!(header, "@group(0) @binding({}) var<storage, {access}> part{k}: array<Element>;", k + 2);
        }
        let launch = Launch::new(kernel, &params, groups(outer * together, WORKGROUP)).header(header);
        if self.joins {
            parts.fold(launch.output(0), Launch::input).notes(self.whole.dtype == DType::F32)
        } else {
            parts.fold(launch.input(0), Launch::output)
        }
    }
}
