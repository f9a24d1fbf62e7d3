//! Kernels that do not overlap: as large as the stride, without crops. Every output meets one input of each channel.

use super::parts::Part;
use super::{Candidate, Problem};
use crate::gpu::{Capabilities, Kernel, Launch, kernel, params};
use crate::ops::{FINISH_NUMBERS, Finish, Items, WORKGROUP, finish_numbers, finished, groups, u32_of};

params! {
    struct Disjoint {
        finish: [[u32; 4]; FINISH_NUMBERS], count: u32, input_fours: u32, input_h: u32, kernel_h: u32,
        groups: u32, out_channels: u32, channels: u32, input_channels: u32,
        weight_channel: u32, weight_first: u32, input_skip: u32, output_skip: u32, bias_first: u32, has_bias: u32,
    }
}

/// The header says how wide the kernel is: sums of as many vectors cannot be counted by an override.
pub(super) static DISJOINT: Kernel = kernel!("conv_transpose2d/disjoint", Disjoint,
    header: "const TAPS = 2u;\nalias Element = vec4<f32>;\n#import unfinished\n");
const HEADERS: [&str; 4] = ["const TAPS = 1u;\n", "const TAPS = 2u;\n", "const TAPS = 3u;\n", "const TAPS = 4u;\n"];

/// Four neighbouring inputs at a time, where kernels are up to 4 wide and rows of the input are whole fours.
pub(super) fn candidate(problem: &Problem, finish: Option<&Finish>, parts: &[Part], device: &Capabilities) -> Option<Candidate> {
    let Problem { y, x, .. } = *problem;
    let disjoint = [y, x].iter().all(|a| a.kernel == a.stride && a.dilation == 1 && a.before == 0 && a.output == a.input * a.stride);
    let header = HEADERS.get(x.kernel - 1).filter(|_| disjoint && x.input.is_multiple_of(4))?;
    let launch = |part: &Part| {
        let (input, output) = (part.input(problem, device), part.output(problem, device));
        if input.skip % 4 + output.skip % 4 > 0 {
            return None;
        }
        let planes = part.batch.len() * part.groups.len() * part.channels.len();
        let count = planes * y.output * (x.input / 4);
        let first = part.groups.start * problem.channels * problem.weight_channel() + part.channels.start * y.kernel * x.kernel;
        let params = Disjoint {
            finish: finish_numbers(finish),
            count: u32_of(count),
            input_fours: u32_of(x.input / 4),
            input_h: u32_of(y.input),
            kernel_h: u32_of(y.kernel),
            groups: u32_of(part.groups.len()),
            out_channels: u32_of(part.channels.len()),
            channels: u32_of(problem.channels),
            input_channels: u32_of(problem.groups * problem.channels),
            weight_channel: u32_of(problem.weight_channel()),
            weight_first: u32_of(first),
            input_skip: input.skip / 4,
            output_skip: output.skip / 4,
            bias_first: u32_of(part.groups.start * problem.out_channels + part.channels.start),
            has_bias: problem.bias.into(),
        };
        let launch = Launch::new(&DISJOINT, &params, groups(count, WORKGROUP)).turns(problem.channels).header(*header);
        let launch = launch.input_window(0, &input).input(1).optional_input(problem.bias()).output_window(0, &output);
        Some(finished(launch, finish, Items::Row { whole: true }))
    };
    Some(Candidate::of(parts.iter().map(launch).collect::<Option<_>>()?))
}
