//! How a program lies on a device: the kernel of each step, the place of each value, and the bytes they take. Needs no device.

use super::choose::Chooser;
use super::cpu;
use super::largest::Asked;
use super::memory::{self, Life};
use super::place::{Place, source};
use super::program::{Program, Step, Value};
use super::readback::Readback;
use crate::array::{DType, TensorType};
use crate::error::Result;
use crate::gpu::{Capabilities, Launch, Slot};
use crate::ops::{Candidate, SCALED};
use std::sync::Arc;

/// What is decided before anything is made.
pub(super) struct Layout {
    /// The candidate of each step.
    pub(super) chosen: Vec<Candidate>,
    pub(super) places: Vec<Place>,
    /// The lives of each step's scratch.
    pub(super) scratch: Vec<Vec<usize>>,
    /// The shared buffer of each life.
    pub(super) shared: Vec<usize>,
    /// Bytes of each shared buffer.
    pub(super) sizes: Vec<u64>,
    /// Which values anything reads.
    pub(super) used: Vec<bool>,
    pub(super) asked: Asked,
    /// What each value is on the device: f16 where it is kept so.
    pub(super) types: Vec<Arc<TensorType>>,
    pub(super) bytes: Bytes,
}

/// Bytes by what they are for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bytes {
    pub(super) constants: u64,
    pub(super) inputs: u64,
    pub(super) working: u64,
    pub(super) readback: u64,
}

impl Bytes {
    pub(super) fn total(&self) -> u64 {
        let Self { constants, inputs, working, readback } = self;
        [*constants, *inputs, *working, *readback].into_iter().fold(0, u64::saturating_add)
    }
}

impl Layout {
    pub(super) fn of(chooser: &Chooser<'_>, program: &Program) -> Result<Self> {
        let chosen = program.steps.iter().map(|step| chooser.choose(program, step)).collect::<Result<Vec<_>>>()?;
        Ok(Self::with(chooser.device(), program, chosen))
    }

    /// The layout of a program whose steps go the ways `chosen`.
    pub(super) fn with(device: &Capabilities, program: &Program, mut chosen: Vec<Candidate>) -> Self {
        let types = types(program, &chosen);
        let (places, lives, scratch) = lay_out(program, &chosen, &types);
        let asked = Asked::of(device, program, &places, &mut chosen);
        program.steps.iter().zip(&mut chosen).for_each(|(step, candidate)| halve(program, step, candidate, &types));
        let (shared, sizes) = memory::assign(&lives);
        let used = used_values(program);
        let sum = |values: &mut dyn Iterator<Item = usize>| values.map(|v| types[v].device_bytes()).fold(0, u64::saturating_add);
        let known = |v: &usize| used[*v] && program.is_known(*v);
        let bytes = Bytes {
            constants: sum(&mut (0..program.values.len()).filter(known)),
            inputs: sum(&mut program.inputs.iter().map(|(_, v)| *v).chain(program.states.iter().map(|s| s.value))),
            working: sizes.iter().copied().fold(0, u64::saturating_add),
            readback: Readback::bytes(sum(&mut program.outputs.iter().copied())),
        };
        Self { chosen, places, scratch, shared, sizes, used, asked, types, bytes }
    }
}

/// What each value is on the device. A value under several shapes is f16 if all of them may be.
fn types(program: &Program, chosen: &[Candidate]) -> Vec<Arc<TensorType>> {
    let mut half: Vec<bool> = program.values.iter().map(|value| value.half).collect();
    let mut source: Vec<usize> = (0..half.len()).collect();
    for (step, candidate) in program.steps.iter().zip(chosen) {
        if let (Some(input), [output]) = (candidate.alias, step.outputs.as_slice()) {
            source[*output] = source[step.inputs[input]];
            half[source[*output]] &= half[*output];
        }
    }
    let ty = |(value, &source): (&Value, &usize)| match half[source] {
        true => Arc::new(TensorType::new(DType::F16, value.ty.shape.clone())),
        false => Arc::clone(&value.ty),
    };
    program.values.iter().zip(&source).map(ty).collect()
}

/// Lets the launches of a step bind as f16 what is f16 on the device and f32 to the operator.
fn halve(program: &Program, step: &Step, candidate: &mut Candidate, types: &[Arc<TensorType>]) {
    for launch in &mut candidate.launches {
        for binding in &mut launch.bindings {
            let value = match binding.slot {
                Slot::Input(at) => step.inputs.get(at),
                Slot::Output(at) => step.outputs.get(at),
                Slot::Scratch(_) | Slot::Largest(_) | Slot::Noted | Slot::Absent => None,
            };
            if value.is_some_and(|&value| types[value].dtype == DType::F16 && program.ty(value).dtype == DType::F32) {
                binding.halve();
            }
        }
        let is_half = |input| launch.bindings.iter().any(|b| b.half && b.slot == Slot::Input(input));
        let factors = launch.bindings.iter().filter_map(|b| if let Slot::Largest(input) = b.slot { Some(input) } else { None });
        let unscaled: Vec<&str> = SCALED.into_iter().zip(factors).filter(|&(_, input)| is_half(input)).map(|(name, _)| name).collect();
        for (_, value) in launch.constants.iter_mut().filter(|(name, _)| unscaled.contains(name)) {
            *value = 0.0;
        }
    }
}

/// Whether a launch of a step is done once and for all when the plan is compiled.
pub(super) fn runs_once(program: &Program, step: &Step, launch: &Launch) -> bool {
    let known = |slot| match slot {
        Slot::Input(at) => step.inputs.get(at).is_some_and(|&value| program.is_known(value)),
        Slot::Scratch(_) | Slot::Absent => true,
        Slot::Output(_) | Slot::Largest(_) | Slot::Noted => false,
    };
    launch.once && launch.bindings.iter().all(|binding| known(binding.slot))
}

/// Places of all values, the lives to share buffers among, and the lives of each step's scratch.
fn lay_out(program: &Program, chosen: &[Candidate], types: &[Arc<TensorType>]) -> (Vec<Place>, Vec<Life>, Vec<Vec<usize>>) {
    let last = cpu::last_uses(program);
    let mut places = vec![Place::Own; program.values.len()];
    let mut lives: Vec<Life> = Vec::new();
    let mut scratch = Vec::new();
    for (number, (step, candidate)) in program.steps.iter().zip(chosen).enumerate() {
        if let (Some(input), [output]) = (candidate.alias, step.outputs.as_slice()) {
            let source = source(&places, step.inputs[input]);
            places[*output] = Place::Alias(source);
            if let Place::Life(life) = places[source] {
                lives[life].last = lives[life].last.max(last[*output]);
            }
        } else {
            for &output in &step.outputs {
                places[output] = Place::Life(lives.len());
                lives.push(Life { bytes: types[output].device_bytes(), first: number, last: last[output] });
            }
        }
        let first = lives.len();
        for (index, &bytes) in candidate.scratch.iter().enumerate() {
            let writes = |launch: &Launch| launch.bindings.iter().any(|b| b.write && b.slot == Slot::Scratch(index));
            let stays = candidate.launches.iter().any(|launch| writes(launch) && runs_once(program, step, launch));
            let (first, last) = if stays { (0, usize::MAX) } else { (number, number) };
            lives.push(Life { bytes: bytes.next_multiple_of(16), first, last });
        }
        scratch.push((first..lives.len()).collect());
    }
    (places, lives, scratch)
}

/// Values that a step, an output or a state update reads: a constant that was folded away needs no buffer.
fn used_values(program: &Program) -> Vec<bool> {
    let mut used = vec![false; program.values.len()];
    let reads = program.steps.iter().flat_map(|s| &s.inputs).chain(&program.outputs);
    for value in reads.copied().chain(program.states.iter().filter_map(|s| s.next)) {
        used[value] = true;
    }
    used
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::{Array, Hw, Pads, TensorType};
    use crate::graph::{Graph, Var};
    use crate::ops::{AffineSample, Attention, Conv2d, GridSample, MaxPool2d, PadMode, Resize, ResizeMode};
    use crate::plan::Options;
    use crate::plan::choose::Chooser;
    use crate::plan::fuse::fuse;
    use std::sync::Arc;

    /// What is built, on a device with matrices.
    fn compiled(build: impl FnOnce(&Graph) -> Result<Var>) -> Result<(Program, Layout)> {
        let mut device = Capabilities::common();
        device.limits.max_compute_workgroup_storage_size = 48 << 10;
        device.limits.max_storage_buffers_per_shader_stage = 16;
        let device = Capabilities { matrices: Some(16), ..device };
        let graph = Graph::new();
        let output = build(&graph)?;
        let chooser = Chooser::unmeasured(&device, Options::default());
        let program = fuse(Program::of(&[&output])?, &chooser);
        let layout = Layout::of(&chooser, &program)?;
        Ok((program, layout))
    }

    /// Its launches: the kernel of each, and the bytes of what it reads first.
    fn launches(build: impl FnOnce(&Graph) -> Result<Var>) -> Result<Vec<(&'static str, u64)>> {
        let (program, layout) = compiled(build)?;
        let reads = |step: &Step| program.ty(step.inputs[0]).device_bytes();
        let each = program.steps.iter().zip(&layout.chosen).flat_map(|(step, way)| way.launches.iter().map(move |launch| (step, launch)));
        Ok(each.map(|(step, launch)| (launch.kernel.name, reads(step))).collect())
    }

    /// The features of VGG-16.
    fn features(graph: &Graph) -> Result<Var> {
        features_of(graph, |_, shape| graph.parameter(Arc::new(Array::full(shape, 0.1f32))))
    }

    /// The same of weights by number and shape.
    fn features_of(graph: &Graph, weight: impl Fn(usize, [usize; 4]) -> Result<Var>) -> Result<Var> {
        let mut x = graph.input("image", TensorType::f32([1, 3, 224, 224]))?;
        for (block, (convolutions, channels)) in [(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)].into_iter().enumerate() {
            for i in 0..convolutions {
                let weight = weight(10 * block + i, [channels, x.shape()[1], 3, 3])?;
                x = x.conv2d(&weight, None, Conv2d { padding: Pads::all(1), ..Conv2d::default() })?.relu()?;
            }
            x = x.max_pool2d(MaxPool2d::default())?;
        }
        Ok(x)
    }

    #[test]
    fn only_what_no_kernel_stores_is_looked_at_again() {
        let launches = launches(features).unwrap();
        let looks: Vec<u64> = launches.iter().filter(|(name, _)| *name == "largest").map(|(_, bytes)| *bytes).collect();
        assert_eq!(launches.iter().filter(|(name, _)| *name == "conv2d/matrices").count(), 13, "{launches:?}");
        assert_eq!(looks, [4 * 3 * 224 * 224], "{launches:?}");
    }

    #[test]
    fn what_is_done_once_stays() {
        let in_order = |(program, layout): (Program, Layout)| {
            let mut found = Vec::new();
            for (number, (step, way)) in program.steps.iter().zip(&layout.chosen).enumerate() {
                for launch in way.launches.iter().filter(|launch| launch.kernel.name == "conv2d/taps") {
                    let Slot::Scratch(index) = launch.bindings[1].slot else { panic!("{launch:?}") };
                    let buffer = layout.shared[layout.scratch[number][index]];
                    found.push((runs_once(&program, step, launch), layout.shared.iter().filter(|&&other| other == buffer).count()));
                }
            }
            found
        };
        let known = in_order(compiled(features).unwrap());
        assert!(!known.is_empty() && known.iter().all(|&found| found == (true, 1)), "{known:?}");
        let given = compiled(|graph| features_of(graph, |i, shape| graph.input(&i.to_string(), TensorType::f32(shape)))).unwrap();
        let given = in_order(given);
        assert_eq!(given.len(), known.len());
        assert!(given.iter().all(|(once, _)| !once) && given.iter().any(|&(_, shares)| shares > 1), "{given:?}");
    }

    /// What comes before a product in networks of all kinds, each from an input that only attention looks at.
    #[test]
    fn what_comes_before_a_product_is_not_looked_at_again() {
        let to = |n| Resize::to(Hw::square(n));
        let bilinear = move |n| Resize { mode: ResizeMode::Bilinear, ..to(n) };
        type Build = Box<dyn Fn(&Var) -> Result<Var>>;
        let before: [(&str, Build); 9] = [
            ("unary", Box::new(Var::sigmoid)),
            ("enlarged", Box::new(move |x| x.resize(bilinear(64)))),
            ("made smaller", Box::new(move |x| x.resize(to(9)))),
            ("antialiased", Box::new(move |x| x.resize(Resize { antialias: true, ..bilinear(9) }))),
            (
                "sampled",
                Box::new(|x| {
                    x.affine_sample(
                        &x.graph().input("theta", TensorType::f32([2, 2, 3]))?,
                        AffineSample { size: Hw::square(20), sample: GridSample::default() },
                    )
                }),
            ),
            ("padded", Box::new(|x| x.pad([0, 0, 1, 1], [0, 0, 1, 1], PadMode::Reflect))),
            ("softmax", Box::new(|x| x.softmax(-1))),
            ("gathered", Box::new(|x| x.gather(2, &x.graph().input("indices", TensorType::new(DType::I32, [8]))?))),
            ("attention", Box::new(|x| x.attention(x, x, None, Attention::default()))),
        ];
        for (name, build) in before {
            let launches = launches(|graph| {
                let x = build(&graph.input("x", TensorType::f32([2, 16, 32, 32]))?)?;
                let weight = graph.parameter(Arc::new(Array::full([64, x.shape()[1], 3, 3], 0.1f32)))?;
                x.conv2d(&weight, None, Conv2d::default())
            });
            let launches = launches.unwrap();
            let looks = launches.iter().filter(|(kernel, _)| *kernel == "largest").count();
            assert!(launches.iter().any(|(kernel, _)| *kernel == "conv2d/matrices"), "{name}: {launches:?}");
            assert_eq!(looks, usize::from(name == "attention"), "{name}: {launches:?}");
        }
    }
}
