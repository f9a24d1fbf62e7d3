//! What a plan promises: one compilation, runs that allocate nothing, state, folding, limits, two backends.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail where it stands")]

mod common;

use common::{Bound, compare, gpu, random};
use foveate::Error;
use foveate::array::{Array, DType, TensorType};
use foveate::gpu::{Gpu, GpuOptions};
use foveate::graph::{Graph, Var};
use foveate::ops::Precision;
use foveate::plan::{Device, Options, Plan, PlanCache};

fn both(graph_outputs: &[&Var], inputs: &[(&str, &Array)]) -> (Vec<Array>, Vec<Array>) {
    let on_gpu = Plan::compile(gpu(), graph_outputs).unwrap().run(inputs).unwrap();
    let on_cpu = Plan::compile(Device::Cpu, graph_outputs).unwrap().run(inputs).unwrap();
    (on_gpu, on_cpu)
}

/// Every node by a kernel of its own.
const APART: Options = Options { precision: Precision::F32, fusion: false, tuned: false };

/// x -> ((x + 1) * x) reshaped: two kernels and an alias.
fn small(graph: &Graph, shape: &[usize]) -> Var {
    let x = graph.input("x", TensorType::f32(shape)).unwrap();
    let one = graph.constant(Array::scalar(1.0f32)).unwrap();
    let y = x.add(&one).unwrap().mul(&x).unwrap();
    y.reshape([shape.iter().product::<usize>()]).unwrap()
}

#[test]
fn gpu_and_cpu_run_the_same_plan() {
    let graph = Graph::new();
    let y = small(&graph, &[3, 5]);
    let x = random(&[3, 5], 1);
    let (on_gpu, on_cpu) = both(&[&y, &y], &[("x", &x)]);
    assert_eq!(on_gpu.len(), 2);
    compare(&on_gpu[0], &on_cpu[0], None, Bound::Near { absolute: 1e-6, relative: 0.0 }).unwrap();
    assert_eq!(on_gpu[0], on_gpu[1]);
    assert_eq!(on_gpu[0].shape(), [15]);
}

#[test]
fn a_second_run_allocates_nothing() {
    let gpu = Gpu::new().unwrap(); // its own: the counters count for one test
    let graph = Graph::new();
    let y = small(&graph, &[64]);
    let mut plan = Plan::compile(&gpu, &[&y]).unwrap();
    let first = plan.run(&[("x", &random(&[64], 1))]).unwrap();
    let before = gpu.counters();
    let second = plan.run(&[("x", &random(&[64], 2))]).unwrap();
    assert_eq!(gpu.counters(), before);
    assert_ne!(first, second);
    assert!(before.buffers > 0 && before.bind_groups > 0 && before.pipelines > 0);
}

#[test]
fn what_depends_on_constants_alone_is_folded() {
    let graph = Graph::new();
    let a = graph.constant(random(&[4], 1)).unwrap();
    let folded = a.add(&a).unwrap();
    let x = graph.input("x", TensorType::f32([4])).unwrap();
    let y = x.mul(&folded).unwrap();
    let plan = Plan::compile(gpu(), &[&y]).unwrap();
    let text = plan.describe();
    assert!(text.contains("1 nodes, 1 dispatches"), "{text}");
    // A weight is no constant: it may be changed, and its work is what a benchmark times.
    let weight = graph.parameter(random(&[4], 2)).unwrap();
    let text = Plan::compile(gpu(), &[&weight.add(&weight).unwrap()]).unwrap().describe();
    assert!(text.contains("1 nodes, 1 dispatches"), "{text}");
    let constant = Plan::compile(gpu(), &[&folded]).unwrap().run(&[]).unwrap();
    assert_eq!(constant[0], a_plus_a());
    fn a_plus_a() -> Array {
        let a = random(&[4], 1);
        let v = a.values::<f32>().unwrap().to_vec();
        Array::from_fn([4], |i| v[i] + v[i])
    }
}

#[test]
fn nodes_that_no_output_needs_are_left_out() {
    let graph = Graph::new();
    let x = graph.input("x", TensorType::f32([4])).unwrap();
    let unused = graph.input("unused", TensorType::f32([4])).unwrap();
    let _ = unused.add(&unused).unwrap();
    let y = x.add(&x).unwrap();
    let mut plan = Plan::compile(gpu(), &[&y]).unwrap();
    assert_eq!(plan.inputs().map(|(n, _)| n.to_owned()).collect::<Vec<_>>(), ["x"]);
    plan.run(&[("x", &random(&[4], 1))]).unwrap();
}

#[test]
fn a_chain_shares_two_buffers() {
    let graph = Graph::new();
    let x = graph.input("x", TensorType::f32([1000])).unwrap();
    let mut y = x.clone();
    for _ in 0..20 {
        y = y.add(&x).unwrap();
    }
    let plan = Plan::compile_with(gpu(), &[&y], APART).unwrap();
    // x, two intermediates, the readback: twenty additions do not take twenty buffers.
    assert_eq!(plan.device_bytes(), 4 * 4000, "{}", plan.describe());
}

#[test]
fn state_lives_from_run_to_run() {
    for device in [Device::from(gpu()), Device::Cpu] {
        let graph = Graph::new();
        let total = graph.state("total", Array::full([3], 0.0f32)).unwrap();
        let x = graph.input("x", TensorType::f32([3])).unwrap();
        let next = total.add(&x).unwrap();
        graph.update(&total, &next).unwrap();
        let mut plan = Plan::compile(&device, &[&next]).unwrap();
        let x = Array::new([3], vec![1.0f32, 2.0, 3.0]).unwrap();
        for round in 1..4 {
            let out = plan.run(&[("x", &x)]).unwrap();
            assert_eq!(out[0], Array::from_fn([3], |i| (round * (i + 1)) as f32));
        }
        assert_eq!(plan.state("total").unwrap(), Array::from_fn([3], |i| (3 * (i + 1)) as f32));
        plan.reset_states().unwrap();
        assert_eq!(plan.run(&[("x", &x)]).unwrap()[0], x);
        plan.set_state("total", &Array::full([3], 10.0f32)).unwrap();
        assert_eq!(plan.run(&[("x", &x)]).unwrap()[0], Array::from_fn([3], |i| (11 + i) as f32));
        let error = plan.state("sum").unwrap_err().to_string();
        assert!(error.contains("no state 'sum'") && error.contains("total"), "{error}");
    }
}

#[test]
fn states_may_change_places() {
    for device in [Device::from(gpu()), Device::Cpu] {
        let graph = Graph::new();
        let a = graph.state("a", Array::full([2], 1.0f32)).unwrap();
        let b = graph.state("b", Array::full([2], 2.0f32)).unwrap();
        graph.update(&a, &b).unwrap();
        graph.update(&b, &a).unwrap();
        let sum = a.add(&b).unwrap();
        let mut plan = Plan::compile(&device, &[&sum]).unwrap();
        plan.run(&[]).unwrap();
        assert_eq!(plan.state("a").unwrap(), Array::full([2], 2.0f32));
        assert_eq!(plan.state("b").unwrap(), Array::full([2], 1.0f32));
    }
}

#[test]
fn what_follows_a_state_is_in_its_plans() {
    for device in [Device::from(gpu()), Device::Cpu] {
        let graph = Graph::new();
        let [weight, runs, mean] = ["weight", "runs", "mean"].map(|name| graph.state(name, Array::full([2], 0.0f32)).unwrap());
        let next = weight.add(&graph.constant(Array::scalar(4.0f32)).unwrap()).unwrap();
        let half = graph.constant(Array::scalar(0.5f32)).unwrap();
        graph.update(&weight, &next).unwrap();
        graph.update(&runs, &runs.add(&half).unwrap()).unwrap();
        graph.update(&mean, &mean.add(&next).unwrap().mul(&half).unwrap()).unwrap();
        graph.follow(&weight, &mean).unwrap();
        graph.follow(&mean, &runs).unwrap();
        assert!(graph.follow(&weight, &half).unwrap_err().to_string().contains("only states"));
        assert!(graph.follow(&half, &weight).unwrap_err().to_string().contains("only states"));
        let mut plan = Plan::compile(&device, &[&weight]).unwrap();
        plan.run(&[]).unwrap();
        plan.run(&[]).unwrap();
        // Weights 4 and 8, halves added twice, and (2 + 8) / 2.
        for (name, expected) in [("weight", 8.0f32), ("runs", 1.0), ("mean", 5.0)] {
            assert_eq!(plan.state(name).unwrap(), Array::full([2], expected), "{name}");
        }
    }
}

#[test]
fn every_dtype_goes_up_and_down() {
    use foveate::array::f16;
    let arrays = [
        random(&[3], 1),
        Array::from_fn([3], |i| f16::from_f32(i as f32 + 0.5)),
        Array::from_fn([2, 2], |i| i as i32 - 2),
        Array::from_fn([1], |_| u32::MAX),
        Array::from_fn([5], |i| i % 2 == 0),
    ];
    for array in arrays {
        let graph = Graph::new();
        let x = graph.input("x", array.ty()).unwrap();
        let flat = x.flatten(0).unwrap();
        let (on_gpu, on_cpu) = both(&[&x, &flat], &[("x", &array)]);
        assert_eq!(on_gpu[0], array);
        assert_eq!(on_gpu, on_cpu);
    }
}

/// More than one piece of memory on their way to the host, cut in the middle of each but the first.
#[test]
fn large_outputs_of_any_dtype_come_back_whole() {
    use foveate::array::{Data, f16};
    let arrays = [
        random(&[2_200_001], 1), // goes up in pieces too
        Array::from_fn([1_500_001], |i| f16::from_f32((i % 2000) as f32)),
        Array::from_data([300_001], Data::F64((0..300_001).map(f64::from).collect())).unwrap(),
        Array::from_fn([1], |_| 7i32),
        Array::from_fn([700_003], |i| i as u32),
        Array::from_fn([1_400_003], |i| i % 3 == 0),
    ];
    let graph = Graph::new();
    let names: Vec<String> = (0..arrays.len()).map(|i| format!("x{i}")).collect();
    let outputs: Vec<Var> = names.iter().zip(&arrays).map(|(name, array)| graph.input(name, array.ty()).unwrap()).collect();
    let inputs: Vec<(&str, &Array)> = names.iter().map(String::as_str).zip(&arrays).collect();
    let mut plan = Plan::compile(gpu(), &outputs.iter().collect::<Vec<_>>()).unwrap();
    assert!(plan.run(&inputs).unwrap() == arrays);
    // A run that is dropped half way leaves the plan usable here too.
    {
        let run = std::pin::pin!(plan.run_async(&inputs));
        let _ = run.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    }
    assert!(pollster::block_on(plan.run_async(&inputs)).unwrap() == arrays);
}

#[test]
fn a_run_may_overwrite_what_an_earlier_one_gave() {
    for device in [Device::from(gpu()), Device::Cpu] {
        let graph = Graph::new();
        let y = small(&graph, &[4]);
        let mut plan = Plan::compile(&device, &[&y, &y]).unwrap();
        let [first, second] = [1, 2].map(|seed| random(&[4], seed));
        let expected = plan.run(&[("x", &second)]).unwrap();
        // Nothing, too many, and others than the outputs: all are replaced.
        for mut outputs in [vec![], vec![Array::scalar(1i32), random(&[9], 1), random(&[2, 2], 3)], plan.run(&[("x", &first)]).unwrap()] {
            plan.run_into(&[("x", &second)], &mut outputs).unwrap();
            assert_eq!(outputs, expected);
        }
    }
    let graph = Graph::new();
    let mut plan = Plan::compile(gpu(), &[&small(&graph, &[4])]).unwrap();
    let mut outputs = plan.run(&[("x", &random(&[4], 1))]).unwrap();
    let place = outputs[0].values::<f32>().unwrap().as_ptr();
    plan.run_into(&[("x", &random(&[4], 2))], &mut outputs).unwrap();
    assert_eq!(outputs[0].values::<f32>().unwrap().as_ptr(), place, "the same memory");
}

/// What a run gives of a state is what it was before, though the copies that bring it to the host take several submissions.
#[test]
fn a_large_state_is_read_before_it_changes() {
    let n = 1_300_000;
    for device in [Device::from(gpu()), Device::Cpu] {
        let graph = Graph::new();
        let state = graph.state("state", Array::from_fn([n], |i| i as f32)).unwrap();
        let one = graph.constant(Array::scalar(1.0f32)).unwrap();
        graph.update(&state, &state.add(&one).unwrap()).unwrap();
        let mut plan = Plan::compile(&device, &[&state]).unwrap();
        for run in 0..2 {
            assert!(plan.run(&[]).unwrap()[0] == Array::from_fn([n], |i| (i + run) as f32), "{device:?}, run {run}");
        }
        assert!(plan.state("state").unwrap() == Array::from_fn([n], |i| (i + 2) as f32));
    }
}

#[test]
fn inputs_are_checked_by_name_and_type() {
    let graph = Graph::new();
    let mut plan = Plan::compile(gpu(), &[&small(&graph, &[4])]).unwrap();
    let message = |result: foveate::Result<Vec<Array>>| result.unwrap_err().to_string();
    let x = random(&[4], 1);
    assert!(message(plan.run(&[])).contains("input 'x' is missing"));
    assert!(message(plan.run(&[("x", &x), ("y", &x)])).contains("there is no input 'y'; the plan takes 'x' f32[4]"));
    assert!(message(plan.run(&[("x", &random(&[5], 1))])).contains("input 'x' is f32[5], the plan takes f32[4]"));
    assert!(plan.run(&[("x", &x)]).is_ok());
}

#[test]
fn a_graph_refuses_what_has_no_meaning() {
    let graph = Graph::new();
    let empty = graph.input("empty", TensorType::f32([0, 3])).unwrap_err().to_string();
    assert!(empty.contains("f32[0, 3] has no elements"), "{empty}");
    assert!(graph.input("large", TensorType::f32([1 << 20, 1 << 20])).unwrap_err().to_string().contains("2^32"));
    let x = graph.input("x", TensorType::f32([4])).unwrap();
    assert!(graph.input("x", TensorType::f32([4])).unwrap_err().to_string().contains("already"));
    let other = Graph::new().input("x", TensorType::f32([4])).unwrap();
    assert!(x.add(&other).unwrap_err().to_string().contains("another graph"));
    assert!(Plan::compile(gpu(), &[&x, &other]).unwrap_err().to_string().contains("different graphs"));
    assert!(graph.update(&x, &x).unwrap_err().to_string().contains("not a state"));
    assert_eq!(x.dtype(), DType::F32);
}

#[test]
fn what_cannot_fit_is_refused_before_it_runs() {
    let limit = gpu().capabilities().max_binding();
    let n = usize::try_from(limit / 4 / 1024).unwrap() + 1;
    let graph = Graph::new();
    let x = graph.input("x", TensorType::f32([n, 1024])).unwrap();
    // The column is broadcast to more rows than one binding shows, and the other operand cannot be cut with it.
    let huge = graph.input("huge", TensorType::f32([gpu().capabilities().limits.max_buffer_size as usize / 4 / 1024 + 1, 1024]));
    let huge = huge.unwrap();
    let error = Plan::compile(gpu(), &[&huge.add(&huge).unwrap()]).unwrap_err();
    assert!(matches!(error, Error::Device(_)), "{error:?}");
    assert!(error.to_string().contains(&gpu().capabilities().name), "{error}");
    drop(x);
}

#[test]
fn plans_are_kept_by_shape() {
    let gpu = Gpu::new().unwrap(); // its own: the counters count for one test
    let mut cache = PlanCache::new(&gpu, 2, |_, inputs| Ok(vec![inputs[0].add(&inputs[0])?]));
    for (size, plans) in [(3, 1), (4, 2), (3, 2), (5, 2)] {
        let x = random(&[size], 1);
        let out = cache.run(&[("x", &x)]).unwrap();
        assert_eq!(out[0].shape(), [size]);
        assert_eq!(cache.len(), plans);
    }
    let before = gpu.counters();
    cache.run(&[("x", &random(&[3], 1))]).unwrap();
    assert_eq!(gpu.counters(), before, "the plan for [3] was kept");
}

#[test]
fn parameters_are_shared_among_plans() {
    let gpu = Gpu::new().unwrap(); // its own: the counters count for one test
    let weight = std::sync::Arc::new(random(&[1 << 16], 3));
    let compile = || {
        let graph = Graph::new();
        let w = graph.parameter(std::sync::Arc::clone(&weight)).unwrap();
        let x = graph.input("x", TensorType::f32([1 << 16])).unwrap();
        Plan::compile(&gpu, &[&x.mul(&w).unwrap()]).unwrap()
    };
    let first = gpu.counters().buffers;
    let one = compile();
    let second = gpu.counters().buffers;
    let two = compile();
    let third = gpu.counters().buffers;
    assert_eq!(third - second, second - first - 1, "the weight was uploaded again");
    drop((one, two));
}

#[test]
fn an_executor_may_compile_and_run_it() {
    /// An executor with threads takes such futures alone.
    fn on_any_thread<T>(future: impl Future<Output = T> + Send) -> T {
        pollster::block_on(future)
    }
    let graph = Graph::new();
    let gpu = on_any_thread(Gpu::open_async(&GpuOptions::from_env())).unwrap();
    let mut plan = on_any_thread(Plan::compile_async(&gpu, &[&small(&graph, &[4])], Options::default())).unwrap();
    let x = random(&[4], 1);
    let awaited = on_any_thread(plan.run_async(&[("x", &x)])).unwrap();
    let refused = on_any_thread(gpu.guarded_async(|| Err::<(), _>(Error::Device("the work's own".to_owned()))));
    assert!(refused.unwrap_err().to_string().contains("the work's own"));
    assert_eq!(awaited, plan.run(&[("x", &x)]).unwrap());
    // A run that is dropped half way leaves the plan usable.
    {
        let inputs = [("x", &x)];
        let run = std::pin::pin!(plan.run_async(&inputs));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let _ = run.poll(&mut context);
    }
    assert_eq!(awaited, plan.run(&[("x", &x)]).unwrap());

    let mut cache = PlanCache::new(&gpu, 2, |_, inputs| Ok(vec![inputs[0].add(&inputs[0])?]));
    for (size, plans) in [(3, 1), (4, 2), (3, 2)] {
        let x = random(&[size], 1);
        let awaited = on_any_thread(cache.run_async(&[("x", &x)])).unwrap();
        assert_eq!((awaited, cache.len()), (cache.run(&[("x", &x)]).unwrap(), plans));
    }
}

#[test]
fn a_profile_has_a_row_per_dispatch_and_a_trace() {
    let graph = Graph::new();
    let mut plan = Plan::compile_with(gpu(), &[&small(&graph, &[1000])], APART).unwrap();
    let profile = plan.profile(&[("x", &random(&[1000], 1))]).unwrap();
    assert_eq!(profile.rows.len(), 2);
    assert!(profile.rows.iter().all(|r| r.us >= 0.0 && r.bytes > 0) && profile.total_us() > 0.0);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.json");
    profile.write_chrome_trace(&path).unwrap();
    let trace: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(trace["traceEvents"].as_array().unwrap().len(), 2);
    assert_eq!(trace["traceEvents"][0]["ph"], "X");
}

#[test]
fn a_device_of_the_callers_own_serves() {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapter = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all())).into_iter().next().unwrap();
    // WebGPU's default limits and no features: what any browser gives.
    let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor::default())).unwrap();
    let gpu = Gpu::from_device(device, queue);
    let graph = Graph::new();
    let mut plan = Plan::compile(&gpu, &[&small(&graph, &[4])]).unwrap();
    assert_eq!(plan.run(&[("x", &Array::full([4], 2.0f32))]).unwrap()[0], Array::full([4], 6.0f32));
    assert!(plan.profile(&[("x", &Array::full([4], 2.0f32))]).unwrap_err().to_string().contains("no GPU timestamps"));
}

#[test]
fn an_adapter_that_does_not_exist_is_named() {
    let options = GpuOptions { adapter: Some("no such thing".into()), ..Default::default() };
    let error = Gpu::open(&options).unwrap_err().to_string();
    assert!(error.contains("'no such thing'") && error.contains(&gpu().capabilities().name), "{error}");
}
