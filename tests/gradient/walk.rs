//! The walk through the graph: what is visited, added up, left out and refused.

use crate::common::{Bound, check_composed};
use foveate::array::{Array, DType, TensorType};
use foveate::graph::{Graph, Var};
use foveate::plan::{Device, Plan};

fn x() -> Var {
    Graph::new().input("x", TensorType::f32([2, 3])).unwrap()
}

fn refusal(loss: &Var, by: &[&Var]) -> String {
    loss.gradient(by).map_or_else(|e| e.to_string(), |_| panic!("was not refused"))
}

#[test]
fn a_value_used_twice_has_the_sum() {
    // x^3 and x, through a value that both ways use: 2 (3 x^2 + 1) x' in all.
    let values = Array::from_fn([3], |i| i as f32 - 1.0);
    let build = |v: &[Var]| {
        let twice = v[0].add(&v[0])?;
        twice.mul(&v[0])?.mul(&v[0])?.add(&twice)?.reduce_sum(&[], false)?.gradient(&[&v[0], &twice])
    };
    let (by_x, by_twice) = (Array::new([3], vec![8.0f32, 2.0, 8.0]).unwrap(), Array::new([3], vec![2.0f32, 1.0, 2.0]).unwrap());
    check_composed("twice", &[values], build, &[&by_x, &by_twice], Bound::Exact);
}

#[test]
fn what_the_loss_does_not_depend_on_has_zeros() {
    let x = x();
    let other = x.graph().input("other", TensorType::f32([4])).unwrap();
    let loss = x.reduce_sum(&[], true).unwrap();
    let later = loss.add(&x).unwrap();
    let gradients = loss.gradient(&[&other, &later, &loss, &x]).unwrap();
    let mut plan = Plan::compile(Device::Cpu, &gradients.iter().collect::<Vec<_>>()).unwrap();
    // Nothing of it depends on x.
    let computed = plan.run(&[]).unwrap();
    let expected = [([4].to_vec(), 0.0f32), ([2, 3].to_vec(), 0.0), ([1, 1].to_vec(), 1.0), ([2, 3].to_vec(), 1.0)];
    assert_eq!(computed, expected.map(|(shape, value)| Array::full(shape, value)));
}

#[test]
fn ways_that_are_not_asked_for_are_not_visited() {
    // Cofactors of 33 rows have no gradient, and are not on a way from x.
    let x = x();
    let weight = x.graph().input("weight", TensorType::f32([33, 33])).unwrap();
    let loss = x.mul(&weight.cofactors().unwrap().reduce_sum(&[], false).unwrap()).unwrap().reduce_sum(&[], false).unwrap();
    loss.gradient(&[&x]).unwrap();
    let message = refusal(&loss, &[&weight]);
    assert!(message.contains("cofactors") && message.contains("gradient"), "{message}");
}

#[test]
fn integers_carry_no_gradient() {
    let x = x();
    let picked = x.argmax(1, false, false).unwrap().cast(DType::F32).unwrap();
    let loss = x.reduce_sum(&[1], false).unwrap().mul(&picked).unwrap().reduce_sum(&[], false).unwrap();
    let alone = picked.reduce_sum(&[], false).unwrap();
    let gradients = [loss.gradient(&[&x]).unwrap(), alone.gradient(&[&x]).unwrap()].concat();
    let mut plan = Plan::compile(Device::Cpu, &gradients.iter().collect::<Vec<_>>()).unwrap();
    let given = Array::new([2, 3], vec![1.0f32, 5.0, 2.0, 0.0, 1.0, 3.0]).unwrap();
    let computed = plan.run(&[("x", &given)]).unwrap();
    assert_eq!(computed[0], Array::new([2, 3], vec![1.0f32, 1.0, 1.0, 2.0, 2.0, 2.0]).unwrap());
    assert_eq!(computed[1], Array::full([2, 3], 0.0f32));
}

#[test]
fn refusals_say_what_is_wrong() {
    let x = x();
    assert!(refusal(&x, &[&x]).contains("the loss must be one f32 number, it is f32[2, 3]"));
    let loss = x.reduce_sum(&[], false).unwrap();
    assert!(refusal(&loss.cast(DType::I32).unwrap(), &[&x]).contains("it is i32[]"));
    let index = x.graph().input("index", TensorType::new(DType::I32, [2])).unwrap();
    assert!(refusal(&loss, &[&index]).contains("with respect to i32[2]"));
    let elsewhere = Graph::new().input("x", TensorType::f32([1])).unwrap();
    assert!(refusal(&loss, &[&elsewhere]).contains("another graph"));
}

#[test]
fn the_same_graph_has_the_same_nodes() {
    let describe = || {
        let x = x();
        let y = x.softmax(-1).unwrap().mul(&x.sigmoid().unwrap()).unwrap();
        let gradients = y.reduce_sum(&[], false).unwrap().gradient(&[&x]).unwrap();
        Plan::compile(Device::Cpu, &[&gradients[0]]).unwrap().describe()
    };
    let first = describe();
    assert!(first.contains("softmax") && first == describe(), "{first}");
}
