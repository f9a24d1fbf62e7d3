//! Methods that rearrange by composition: tile, flip, `depth_to_space` and `space_to_depth`.

use crate::common::{fixture, on_the_host, random};
use foveate::array::{Array, TensorType};
use foveate::graph::{Graph, Var};
use foveate::ops::DepthOrder;

fn agrees(name: &str, build: impl Fn(&Var) -> foveate::Result<Var>) {
    let numbers = fixture("indexing");
    let found = on_the_host(&[numbers[&format!("{name}/input0")].clone()], |x| Ok(vec![build(&x[0])?]));
    assert_eq!(found, [numbers[&format!("{name}/output0")].clone()], "{name}");
}

#[test]
fn tiles() {
    agrees("tile_matrix", |x| x.tile(&[2, 3]));
    agrees("tile_all", |x| x.tile(&[2, 3, 2, 2]));
    agrees("tile_five", |x| x.tile(&[2, 1, 3, 2, 2]));
    let found = on_the_host(&[random(&[2], 1)], |x| Ok(vec![x[0].tile(&[1])?, x[0].tile(&[3, 1])?.reduce_sum(&[0], false)?.sub(&x[0])?]));
    assert_eq!(found[0], random(&[2], 1));
    assert_eq!(found[1].shape(), [2]);
}

#[test]
fn blocks() {
    agrees("depth_to_space_dcr", |x| x.depth_to_space(2, DepthOrder::Dcr));
    agrees("depth_to_space_crd", |x| x.depth_to_space(2, DepthOrder::Crd));
    agrees("space_to_depth", |x| x.space_to_depth(2, DepthOrder::Dcr));
    let x = random(&[2, 18, 2, 3], 1);
    for order in [DepthOrder::Dcr, DepthOrder::Crd] {
        let there_and_back = on_the_host(std::slice::from_ref(&x), |x| Ok(vec![x[0].depth_to_space(3, order)?.space_to_depth(3, order)?]));
        assert_eq!(there_and_back, std::slice::from_ref(&x));
    }
}

#[test]
fn flips() {
    let x = Array::from_fn([2, 3], |i| i as i32);
    let found = on_the_host(std::slice::from_ref(&x), |x| Ok(vec![x[0].flip(&[-1])?, x[0].flip(&[0, 1])?, x[0].flip(&[])?]));
    let rows = |values: [i32; 6]| Array::new([2, 3], values.into()).unwrap();
    assert_eq!(found, [rows([2, 1, 0, 5, 4, 3]), rows([5, 4, 3, 2, 1, 0]), x]);
}

#[test]
fn refused() {
    let graph = Graph::new();
    let x = graph.input("x", TensorType::f32([1, 8, 3, 4])).unwrap();
    let vector = graph.input("vector", TensorType::f32([3])).unwrap();
    let says = |result: foveate::Result<Var>, text: &str| {
        let message = result.unwrap_err().to_string();
        assert!(message.contains(text), "'{message}' does not say '{text}'");
    };
    says(x.tile(&[1, 2]), "fewer than the dimensions");
    says(x.tile(&[1, 1, 0, 1]), "are 0 or too many");
    says(x.tile(&[1, usize::MAX, 1, 1]), "too many");
    says(vector.tile(&[usize::MAX / 3]), "2^32");
    says(x.flip(&[4]), "no axis 4");
    says(x.flip(&[0, -4]), "two ranges");
    says(x.depth_to_space(3, DepthOrder::Dcr), "do not divide the channels");
    says(x.depth_to_space(0, DepthOrder::Dcr), "blocks of 0");
    says(x.depth_to_space(usize::MAX, DepthOrder::Crd), "blocks of");
    says(x.space_to_depth(2, DepthOrder::Dcr), "do not divide");
    says(vector.space_to_depth(1, DepthOrder::Dcr), "must be (N, C, H, W)");
    says(vector.hardmax(1), "no axis 1");
    says(vector.one_hot(3, 2, &vector), "no place");
}
