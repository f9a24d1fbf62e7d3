//! einsum: against PyTorch, and equations that nobody should write.

use crate::common::{Bound, compare, fixture, gpu, on_the_host, random};
use foveate::array::{Array, TensorType};
use foveate::graph::{Graph, Var};
use foveate::ops::einsum;
use foveate::plan::{Device, Plan};
use proptest::prelude::*;

fn equation(array: &Array) -> String {
    array.values::<i32>().unwrap().iter().map(|&c| char::from(c as u8)).collect()
}

/// PyTorch's numbers are sums in f64; products of up to five factors and sums of up to 144 terms, rounded at each step.
const BOUND: Bound = Bound::Near { absolute: 1e-4, relative: 1e-4 };

#[test]
fn agrees_with_pytorch() {
    let numbers = fixture("einsum");
    let count = numbers.keys().filter(|k| k.ends_with("equation")).count();
    assert!(count >= 30);
    for number in 0..count {
        let equation = equation(&numbers[&format!("{number}/equation")]);
        let inputs: Vec<Array> = (0..5).map_while(|i| numbers.get(&format!("{number}/input{i}")).cloned()).collect();
        let build = |x: &[Var]| Ok(vec![einsum(&equation, &x.iter().collect::<Vec<_>>())?]);
        let found = on_the_host(&inputs, build);
        compare(&found[0], &numbers[&format!("{number}/output0")], None, BOUND).unwrap_or_else(|e| panic!("{equation}: {e}"));
    }
}

#[test]
fn runs_on_the_gpu() {
    let (a, b) = (random(&[2, 4, 3, 5], 1), random(&[2, 6, 3, 5], 2));
    let build = |x: &[Var]| Ok(vec![einsum("bqhd,bkhd->bhqk", &[&x[0], &x[1]])?]);
    let graph = Graph::new();
    let vars = [graph.input("a", a.ty()).unwrap(), graph.input("b", b.ty()).unwrap()];
    let output = build(&vars).unwrap().remove(0);
    let found = Plan::compile(Device::Gpu(gpu().clone()), &[&output]).unwrap().run(&[("a", &a), ("b", &b)]).unwrap();
    compare(&found[0], &on_the_host(&[a, b], build)[0], None, Bound::Near { absolute: 1e-6, relative: 1e-6 }).unwrap();
}

#[test]
fn integers() {
    let a = Array::from_fn([2, 3], |i| i as i32 - 2);
    let b = Array::from_fn([3, 2], |i| i as i32 + 1);
    let found = on_the_host(&[a, b], |x| Ok(vec![einsum("ij,jk->ik", &[&x[0], &x[1]])?, einsum("ij,jk->ijk", &[&x[0], &x[1]])?]));
    // [-2 -1 0; 1 2 3] [1 2; 3 4; 5 6]
    assert_eq!(found[0], Array::new([2, 2], vec![-5, -8, 22, 28]).unwrap());
    assert_eq!(found[1].shape(), [2, 3, 2]);
}

#[test]
fn refused() {
    let graph = Graph::new();
    let var = |name: &str, shape: &[usize]| graph.input(name, TensorType::f32(shape)).unwrap();
    let (a, b, c) = (var("a", &[2, 3]), var("b", &[3, 4]), var("c", &[3, 1]));
    let n = graph.constant(Array::full([3, 4], 1)).unwrap();
    let table: [(&str, &[&Var], &str); 15] = [
        ("ij,jk->ik", &[&a], "has 2 terms, 1 operands"),
        ("ij", &[], "has 1 terms, 0 operands"),
        ("", &[&a], "has 2 dimensions, its term names 0"),
        ("ijk", &[&a], "has 2 dimensions, its term names 3"),
        ("ijk...", &[&a], "has 2 dimensions, its term names 3"),
        ("i1", &[&a], "'1' in 'i1' is neither"),
        ("i..j", &[&a], "'.' in 'i..j'"),
        ("...i...", &[&a], "two ellipses"),
        ("ij->i->j", &[&a], "'-' in"),
        ("ij->ii", &[&a], "names 'i' twice"),
        ("ij->k", &[&a], "'k' is in no operand"),
        ("iä", &[&a], "neither a letter"),
        ("ij,ij", &[&a, &b], "'i' is 2 and 3"),
        ("ii", &[&c], "'i' is 3 and 1"),
        ("ij,ij", &[&b, &n], "differ in dtype"),
    ];
    for (equation, operands, text) in table {
        let message = einsum(equation, operands).unwrap_err().to_string();
        assert!(message.contains(text), "{equation}: '{message}' does not say '{text}'");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Anything is refused or understood.
    #[test]
    fn endures(equation in "[ijkA.,> -]{0,6}|[ij.,]{0,5}->[ij.]{0,4}|.{0,8}", ranks in prop::collection::vec(0usize..4, 0..3)) {
        let graph = Graph::new();
        let vars: Vec<Var> = ranks.iter().enumerate().map(|(i, &rank)| graph.input(&i.to_string(), TensorType::f32(vec![2; rank])).unwrap()).collect();
        drop(einsum(&equation, &vars.iter().collect::<Vec<_>>()));
    }
}
