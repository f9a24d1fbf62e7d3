//! concat: case table.

use crate::common::{Bound, Case, check, check_composed, fixture, random, random_below};
use foveate::array::{Array, TensorType, f16};
use foveate::graph::Graph;
use foveate::ops::{Concat, stack};

#[test]
fn cases() {
    let numbers = fixture("movement");
    let case = |name: &str, axis: usize| {
        let inputs = (0..).map_while(|i| numbers.get(&format!("{name}/input{i}")).cloned()).collect();
        Case::new(name, Concat { axis }, inputs, Bound::Exact).outputs(vec![numbers[&format!("{name}/output")].clone()])
    };
    let many: Vec<Array> = (0..20).map(|i| random(&[2, 1 + i as usize % 3], i)).collect();
    let halves = |axis: usize, size: usize| vec![Array::full([2, size], f16::ONE), Array::full([2, 3 - axis], f16::ZERO)];
    check(vec![
        case("concat_middle", 1),
        case("concat_last_odd", 1),
        case("concat_first", 0),
        Case::new("20 inputs", Concat { axis: 1 }, many, Bound::Exact),
        Case::new(
            "15 inputs of whole vectors",
            Concat { axis: 0 },
            (0..15).map(|i| random(&[1 + i as usize % 2, 3, 8], i)).collect(),
            Bound::Exact,
        ),
        Case::new("small beside large", Concat { axis: 1 }, [3, 9000, 1, 2, 5].map(|n| random(&[2, n], n as u64)).to_vec(), Bound::Exact),
        Case::new("integers", Concat { axis: 2 }, (1..9).map(|n| random_below(&[2, 3, n, 4], n as u64, 99)).collect(), Bound::Exact),
        Case::new("one input", Concat { axis: 0 }, vec![random(&[3], 1)], Bound::Exact),
        Case::new("bool", Concat { axis: 0 }, vec![Array::full([3], true), Array::full([2], false)], Bound::Exact),
        Case::new("f16 in pairs", Concat { axis: 1 }, halves(1, 4), Bound::Exact),
        Case::refused("f16 alone", Concat { axis: 1 }, halves(1, 3), "cast it first"),
        Case::refused("other sizes", Concat { axis: 0 }, vec![random(&[3, 2], 1), random(&[3, 3], 1)], "cannot be joined"),
        Case::refused("other dtypes", Concat { axis: 0 }, vec![random(&[3], 1), random_below(&[3], 1, 9)], "cannot be joined"),
        Case::refused("no such dimension", Concat { axis: 1 }, vec![random(&[3], 1)], "no dimension 1"),
    ]);
}

#[test]
fn stacks_have_a_new_dimension() {
    let inputs: Vec<Array> = (0..7).map(|i| random(&[2, 3], i)).collect();
    let all: Vec<&[f32]> = inputs.iter().map(|input| input.values().unwrap()).collect();
    for (axis, shape) in [(0, [7, 2, 3]), (1, [2, 7, 3]), (-1, [2, 3, 7])] {
        let expected = Array::from_fn(shape, |i| {
            let at = [i / shape[2] / shape[1], i / shape[2] % shape[1], i % shape[2]];
            match axis {
                0 => all[at[0]][at[1] * 3 + at[2]],
                1 => all[at[1]][at[0] * 3 + at[2]],
                _ => all[at[2]][at[0] * 3 + at[1]],
            }
        });
        check_composed("stack", &inputs, |vars| Ok(vec![stack(vars, axis)?]), &[&expected], Bound::Exact);
    }
    let graph = Graph::new();
    let [a, b] = [[2, 3], [3, 2]].map(|shape: [usize; 2]| graph.input(&format!("{shape:?}"), TensorType::f32(shape)).unwrap());
    assert!(stack(&[a.clone(), b], 0).unwrap_err().to_string().contains("cannot be joined"));
    assert!(stack(&[a], 3).unwrap_err().to_string().contains("no place for a dimension 3"));
    assert!(stack(&[], 0).is_err());
}
