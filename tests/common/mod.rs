//! What every test needs: the GPU, case tables, fixtures, comparison.
#![allow(dead_code, unused_imports, reason = "each test binary uses its part")]

mod cases;
mod close;
mod elsewhere;
mod largest;
mod letters;

pub use cases::{Case, Expect, check, check_on};
pub use close::{Bound, compare, compare_halves};
pub use elsewhere::{Elsewhere, launches, small_bindings, with_lanes};
pub use largest::Largest;
pub use letters::{LONGEST, WORDS, padded, spelt};

use foveate::array::{Array, npy};
use foveate::gpu::{Gpu, GpuOptions, StandIn};
use foveate::graph::{Graph, Var};
use foveate::plan::{Device, Plan};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex};

/// The adapter that tests run on: `FOVEATE_ADAPTER`, else the best. Without one every test fails.
///
/// A device computes one dispatch after the other, so tests that run at the same time have one each: the one that fewest others use.
pub fn gpu() -> &'static Gpu {
    static GPUS: [LazyLock<Gpu>; 2] = [const { LazyLock::new(open) }; 2];
    static USERS: Mutex<[usize; 2]> = Mutex::new([0; 2]);
    struct Place(usize);
    impl Drop for Place {
        fn drop(&mut self) {
            USERS.lock().unwrap()[self.0] -= 1;
        }
    }
    thread_local! {
        static PLACE: Place = {
            let mut users = USERS.lock().unwrap();
            let place = usize::from(users[1] < users[0]);
            users[place] += 1;
            Place(place)
        };
    }
    &GPUS[PLACE.with(|place| place.0)]
}

/// With `FOVEATE_STAND_IN=16x32` in place of a GPU whose subgroups of 32 multiply matrices of 16 x 16: as it would compute.
fn open() -> Gpu {
    match std::env::var("FOVEATE_STAND_IN") {
        Ok(wanted) => {
            let (side, subgroup) = wanted.split_once('x').expect("FOVEATE_STAND_IN is a matrix' rows, x, a subgroup's invocations");
            stand_in(side.parse().unwrap(), subgroup.parse().unwrap())
        }
        Err(_) => Gpu::new().unwrap_or_else(|e| panic!("tests need a GPU adapter: {e}")),
    }
}

/// The adapter in place of a GPU whose subgroups of so many invocations multiply matrices of `side` x `side`.
pub fn stand_in(side: u32, subgroup: u32) -> Gpu {
    let stand_in = Some(StandIn::new(side, subgroup).unwrap());
    Gpu::open(&GpuOptions { stand_in, ..GpuOptions::from_env() }).unwrap_or_else(|e| panic!("tests need a GPU adapter: {e}"))
}

/// The same adapter opened so that a shader sees at most `bytes` of a buffer: operators must cut what is larger.
pub fn narrow_gpu(bytes: u64) -> Gpu {
    let wanted = gpu().capabilities();
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()));
    // One that stands in for a GPU says so behind its name.
    let same = |a: &wgpu::Adapter| wanted.name.starts_with(&a.get_info().name) && a.get_info().backend == wanted.backend;
    let adapter = adapters.into_iter().find(same).expect("the adapter is still there");
    // Windows start on WebGPU's coarsest alignment, so that few of them start where they are wanted.
    let limits = wgpu::Limits { min_storage_buffer_offset_alignment: 256, ..adapter.limits() };
    let required_limits = wgpu::Limits { max_storage_buffer_binding_size: bytes, ..limits };
    let required_features = adapter.features() & wgpu::Features::SHADER_F16;
    let descriptor = wgpu::DeviceDescriptor { required_features, required_limits, ..Default::default() };
    let (device, queue) = pollster::block_on(adapter.request_device(&descriptor)).expect("limits may be lower");
    Gpu::from_device(device, queue)
}

/// The arrays of `tests/fixtures/<name>.npz`, which the script of that name beside it made.
pub fn fixture(name: &str) -> HashMap<String, Array> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(format!("{name}.npz"));
    npy::read_npz(&path).unwrap_or_else(|e| panic!("{e}")).into_iter().collect()
}

/// f32 values in -1..1, the same everywhere: a 64-bit LCG's upper bits.
pub fn random(shape: &[usize], seed: u64) -> Array {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1);
    Array::from_fn(shape, |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    })
}

/// Integers in `0..below`, the same everywhere.
pub fn random_below(shape: &[usize], seed: u64, below: u32) -> Array {
    let values = random(shape, seed);
    let values = values.values::<f32>().unwrap();
    Array::from_fn(shape, |i| ((values[i] + 1.0) / 2.0 * below as f32) as i32)
}

/// What `build` makes of `inputs`, computed by the references.
pub fn on_the_host(inputs: &[Array], build: impl Fn(&[Var]) -> foveate::Result<Vec<Var>>) -> Vec<Array> {
    let graph = Graph::new();
    let names: Vec<String> = (0..inputs.len()).map(|i| format!("input{i}")).collect();
    let vars: Vec<Var> = names.iter().zip(inputs).map(|(name, array)| graph.input(name, array.ty()).unwrap()).collect();
    let outputs = build(&vars).unwrap();
    let mut plan = Plan::compile(Device::Cpu, &outputs.iter().collect::<Vec<_>>()).unwrap();
    plan.run(&names.iter().map(String::as_str).zip(inputs).collect::<Vec<_>>()).unwrap()
}

/// What `build` makes of `inputs`, by the references and on the GPU, is `expected`: for methods that compose operators.
#[track_caller]
pub fn check_composed(
    name: &str,
    inputs: &[Array],
    build: impl Fn(&[Var]) -> foveate::Result<Vec<Var>>,
    expected: &[&Array],
    bound: Bound,
) {
    composed(name, inputs, &build, expected, bound);
}

/// Compiled once, not for each `build`.
#[track_caller]
fn composed(name: &str, inputs: &[Array], build: &dyn Fn(&[Var]) -> foveate::Result<Vec<Var>>, expected: &[&Array], bound: Bound) {
    let graph = Graph::new();
    let names: Vec<String> = (0..inputs.len()).map(|i| format!("input{i}")).collect();
    let vars: Vec<Var> = names.iter().zip(inputs).map(|(name, array)| graph.input(name, array.ty()).unwrap()).collect();
    let outputs = build(&vars).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(outputs.len(), expected.len(), "{name}");
    for device in [Device::Cpu, Device::from(gpu())] {
        let mut plan = Plan::compile(&device, &outputs.iter().collect::<Vec<_>>()).unwrap_or_else(|e| panic!("{name}: {e}"));
        let computed = plan.run(&names.iter().map(String::as_str).zip(inputs).collect::<Vec<_>>()).unwrap();
        for (i, (computed, expected)) in computed.iter().zip(expected).enumerate() {
            compare(computed, expected, None, bound).unwrap_or_else(|e| panic!("{name}, output {i} on {}: {e}", device.name()));
        }
    }
}

/// The message with which `build` refuses an input of `ty`.
pub fn refusal(ty: foveate::array::TensorType, build: impl Fn(&Var) -> foveate::Result<Var>) -> String {
    let x = Graph::new().input("x", ty).unwrap();
    build(&x).map_or_else(|e| e.to_string(), |y| panic!("was not refused, gave {}", y.ty()))
}
