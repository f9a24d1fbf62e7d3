//! reshape: case table.

use crate::common::{Bound, Case, check, random};
use foveate::array::{DType, TensorType};
use foveate::graph::Graph;
use foveate::ops::{Reshape, concat};

#[test]
fn cases() {
    check(vec![
        Case::new("to a matrix", Reshape { shape: vec![6, 2] }, vec![random(&[3, 4], 1)], Bound::Exact),
        Case::refused("another number of elements", Reshape { shape: vec![5] }, vec![random(&[2, 3], 1)], "6 elements"),
    ]);
}

#[test]
fn dimensions_of_one() {
    let graph = Graph::new();
    let x = graph.input("x", random(&[2, 1, 3], 1).ty()).unwrap();
    assert_eq!(x.squeeze(1).unwrap().shape(), [2, 3]);
    assert_eq!(x.unsqueeze(0).unwrap().shape(), [1, 2, 1, 3]);
    assert_eq!(x.unsqueeze(3).unwrap().shape(), [2, 1, 3, 1]);
    assert_eq!(x.flatten(1).unwrap().shape(), [2, 3]);
    for refusal in [x.squeeze(0), x.squeeze(3), x.unsqueeze(4), x.flatten(4)] {
        assert!(refusal.unwrap_err().to_string().contains("f32[2, 1, 3]"));
    }
}

/// Methods that take a dimension count it from the end where it is negative, as PyTorch and ONNX do.
#[test]
fn negative_axes() {
    let graph = Graph::new();
    let x = graph.input("x", TensorType::f32([2, 3, 4])).unwrap();
    let i = graph.input("i", TensorType::new(DType::I32, [5])).unwrap();
    assert_eq!(concat(&[&x, &x], -1).unwrap().shape(), [2, 3, 8]);
    assert_eq!(x.split(-2, &[1, 2]).unwrap()[1].shape(), [2, 2, 4]);
    assert_eq!(x.gather(-3, &i).unwrap().shape(), [5, 3, 4]);
    assert_eq!(x.narrow(-1, 1, 2).unwrap().shape(), [2, 3, 2]);
    assert_eq!(x.swap_axes(-1, 0).unwrap().shape(), [4, 3, 2]);
    assert_eq!(x.unsqueeze(-1).unwrap().shape(), [2, 3, 4, 1]);
    assert_eq!(x.unsqueeze(0).unwrap().squeeze(-4).unwrap().shape(), [2, 3, 4]);
    for refused in [x.squeeze(-1), x.unsqueeze(-5), x.narrow(3, 0, 1), x.gather(-4, &i), concat(&[&x], 3), x.swap_axes(0, isize::MIN)] {
        let message = refused.unwrap_err().to_string();
        assert!(message.contains("f32[2, 3, 4]"), "{message}");
    }
}
