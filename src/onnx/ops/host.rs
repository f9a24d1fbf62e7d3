//! Operators whose output's shape depends on values, computed from values that are known before anything runs, and those that make
//! tensors out of shapes. Elements of float tensors are moved by kernels; what is computed here are places and counts.

use super::Table;
use super::sequence::integer;
use crate::array::{Array, DType};
use crate::error::Result;
use crate::graph::Var;
use crate::onnx::Elem;
use crate::onnx::node::Node;
use crate::onnx::tensor::Tensor;
use crate::onnx::value::Value;
use std::cmp::Ordering;

pub(super) const TABLE: Table = &[
    ("Compress", compress),
    ("ConstantOfShape", constant_of_shape),
    ("EyeLike", eye_like),
    ("NonZero", non_zero),
    ("Range", range),
    ("RegexFullMatch", text),
    ("Size", size),
    ("StringConcat", text),
    ("StringNormalizer", text),
    ("StringSplit", text),
    ("Unique", unique),
];

/// The most elements that are made here.
const MOST: usize = 1 << 22;

fn text(node: &Node<'_>) -> Result<Vec<Value>> {
    Err(node.unsupported("texts are not computed with; do this outside of the model"))
}

/// A place or count as an element of a tensor.
pub(super) fn place(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn size(node: &Node<'_>) -> Result<Vec<Value>> {
    let size = node.shape(0)?.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).and_then(|n| i64::try_from(n).ok());
    Ok(vec![Value::ints([], &[size.ok_or_else(|| node.wrong("its size overflows"))?])?])
}

fn constant_of_shape(node: &Node<'_>) -> Result<Vec<Value>> {
    let given = node.ints(0)?;
    let shape = given.iter().map(|&d| node.size("a dimension", d)).collect::<Result<Vec<_>>>()?;
    let value = match node.tensor("value")? {
        Some(value) => value,
        None => Tensor::new(Elem::Float, [1], 0f32.to_le_bytes().to_vec())?.into(),
    };
    if value.len() != 1 {
        return Err(node.wrong(format!("attribute 'value' has {} elements, not 1", value.len())));
    }
    let elem = value.elem();
    let count = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).unwrap_or(usize::MAX);
    // A small one is likely to become a shape, and one without elements stays out of the graph.
    if shape.contains(&0) || count <= 1024 && elem.bits() >= 8 {
        let bytes = if shape.contains(&0) { Vec::new() } else { value.bytes().repeat(count) };
        return Ok(vec![Value::host(Tensor::new(elem, shape, bytes)?)]);
    }
    node.typed(elem, node.constant(node.context.array(&value)?.reshaped([])?)?.expand(shape)?)
}

/// The numbers 0, 1, ... below `count`, under `shape`.
fn counting(node: &Node<'_>, count: usize, shape: [usize; 2]) -> Result<Var> {
    let count = i32::try_from(count).ok().filter(|&c| c.unsigned_abs() as usize <= MOST);
    let count = count.ok_or_else(|| node.unsupported(format!("{shape:?} is more than {MOST} rows or columns")))?;
    node.constant(Array::new(shape, (0..count).collect())?)
}

fn eye_like(node: &Node<'_>) -> Result<Vec<Value>> {
    let shape = node.shape(0)?;
    let &[rows, columns] = &shape[..] else { return Err(node.wrong(format!("its input {shape:?} is no matrix"))) };
    let elem = match node.optional_int("dtype")? {
        None => node.elem(0)?,
        Some(code) => elem_of(node, code)?,
    };
    let dtype = node.context.held(elem).ok_or_else(|| node.unsupported(format!("elements of type {elem}")))?;
    let k = node.int("k", 0)?;
    if shape.contains(&0) {
        return node.empty(elem, shape);
    }
    // Beyond the last row or column all diagonals are alike.
    let most = place(rows.max(columns));
    let k = i32::try_from(k.clamp(-most, most)).map_err(|_| node.unsupported(format!("a matrix of {shape:?}")))?;
    let diagonal = counting(node, rows, [rows, 1])?.add(&node.constant(Array::scalar(k))?)?;
    node.typed(elem, diagonal.equal(&counting(node, columns, [1, columns])?)?.cast(dtype)?)
}

/// The element type of this number in the standard.
pub(super) fn elem_of(node: &Node<'_>, code: i64) -> Result<Elem> {
    let elem = i32::try_from(code).ok().and_then(Elem::of_code);
    elem.ok_or_else(|| node.wrong(format!("element type {code} is not one of ONNX's")))
}

fn range(node: &Node<'_>) -> Result<Vec<Value>> {
    let elem = node.elem(0)?;
    let too_many = || node.unsupported(format!("a range of more than {MOST} elements"));
    if elem.is_integer() {
        let (start, limit, delta) = (integer(node, 0)?, integer(node, 1)?, integer(node, 2)?);
        if delta == 0 {
            return Err(node.wrong("its delta is 0"));
        }
        let (start, delta) = (i128::from(start), i128::from(delta));
        let span = i128::from(limit) - start;
        // Rounded up; a span of the other sign has none.
        let count = if span.signum() == delta.signum() { (span.abs() + delta.abs() - 1) / delta.abs() } else { 0 };
        let count = usize::try_from(count).ok().filter(|&c| c <= MOST).ok_or_else(too_many)?;
        let width = elem.bits() / 8;
        let element = |i: usize| (start + i as i128 * delta).to_le_bytes().into_iter().take(width);
        return Ok(vec![Value::host(Tensor::new(elem, [count], (0..count).flat_map(element).collect::<Vec<u8>>())?)]);
    }
    let number = |index| match node.floats(index)?[..] {
        [value] => Ok(value),
        _ => Err(node.wrong(format!("input {index} is not one number"))),
    };
    let (start, limit, delta) = (number(0)?, number(1)?, number(2)?);
    let count = ((limit - start) / delta).ceil().max(0.0);
    if !(delta != 0.0 && count.is_finite() && delta.is_finite()) {
        return Err(node.wrong(format!("a range from {start} to {limit} by {delta}")));
    }
    if count > MOST as f64 {
        return Err(too_many());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and MOST")]
    let count = count as usize;
    floats(elem, &[count], (0..count).map(|i| start + i as f64 * delta))
}

/// Floats known now.
#[expect(clippy::cast_possible_truncation, reason = "the engine holds every float as f32")]
pub(super) fn floats(elem: Elem, shape: &[usize], values: impl Iterator<Item = f64>) -> Result<Vec<Value>> {
    let array = Array::new(shape, values.map(|v| v as f32).collect())?;
    Ok(vec![Value::host(Tensor::from_array(elem, &array)?)])
}

fn non_zero(node: &Node<'_>) -> Result<Vec<Value>> {
    let tensor = node.known(0)?;
    let (values, shape) = (tensor.floats()?, tensor.shape());
    let found: Vec<usize> = (0..values.len()).filter(|&i| values[i] != 0.0).collect();
    let mut places = Vec::with_capacity(found.len() * shape.len());
    let mut stride = tensor.len();
    for &size in shape {
        // Places are listed only where there are elements, so that no size is 0.
        stride /= size.max(1);
        places.extend(found.iter().map(|&flat| place(flat / stride % size)));
    }
    Ok(vec![Value::ints([shape.len(), found.len()], &places)?])
}

fn compress(node: &Node<'_>) -> Result<Vec<Value>> {
    let (elem, mut shape) = (node.elem(0)?, node.shape(0)?);
    let axis = match node.optional_int("axis")? {
        Some(axis) => node.axis(axis, shape.len())?,
        None => {
            shape = vec![shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).ok_or_else(|| node.wrong("its size overflows"))?];
            0
        }
    };
    let condition = node.ints(1)?;
    let kept: Vec<usize> = (0..shape[axis].min(condition.len())).filter(|&i| condition[i] != 0).collect();
    if kept.is_empty() || shape.contains(&0) {
        shape[axis] = kept.len();
        return node.empty(elem, shape);
    }
    let kept = kept.iter().map(|&i| i32::try_from(i).map_err(|_| node.unsupported(format!("place {i} in an axis"))));
    let kept = kept.collect::<Result<Vec<i32>>>()?;
    let kept = node.constant(Array::new([kept.len()], kept)?)?;
    node.same(node.var(0)?.reshape(shape)?.gather(axis.cast_signed(), &kept)?)
}

/// How two elements of a tensor compare, by their places; every NaN is one and the last.
fn order(tensor: &Tensor) -> Result<Box<dyn Fn(usize, usize) -> Ordering>> {
    if tensor.elem().is_float() {
        let v = tensor.floats()?;
        return Ok(Box::new(move |a, b| v[a].partial_cmp(&v[b]).unwrap_or_else(|| v[a].is_nan().cmp(&v[b].is_nan()))));
    }
    let v = tensor.ints()?;
    Ok(Box::new(move |a, b| v[a].cmp(&v[b])))
}

fn unique(node: &Node<'_>) -> Result<Vec<Value>> {
    let (tensor, sorted) = (node.known(0)?, node.flag("sorted", true)?);
    let (tensor, axis) = match node.optional_int("axis")? {
        None => (tensor.reshaped([tensor.len()])?, 0),
        Some(axis) => (tensor.reshaped(tensor.shape())?, node.axis(axis, tensor.shape().len())?),
    };
    let shape = tensor.shape();
    if tensor.elem().bits() < 8 {
        return Err(node.unsupported(format!("of {}", tensor.elem())));
    }
    if tensor.is_empty() {
        return Err(node.unsupported(format!("of a tensor {shape:?} without elements")));
    }
    let (size, inner) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
    let outer = tensor.len() / (size * inner);
    let compare = order(&tensor)?;
    // The elements of slice i lie in `outer` runs of `inner`.
    let element = |i: usize, k: usize| (k / inner * size + i) * inner + k % inner;
    let slices = |a: usize, b: usize| {
        (0..outer * inner).map(|k| compare(element(a, k), element(b, k))).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
    };
    let mut sorting: Vec<usize> = (0..size).collect();
    sorting.sort_by(|&a, &b| slices(a, b));
    // The sort is stable: each group starts with its first slice.
    let mut groups: Vec<&[usize]> = sorting.chunk_by(|&a, &b| slices(a, b).is_eq()).collect();
    if !sorted {
        groups.sort_by_key(|group| group[0]);
    }
    let (mut inverse, mut shape) = (vec![0; size], shape.to_vec());
    for (g, group) in groups.iter().enumerate() {
        group.iter().for_each(|&i| inverse[i] = place(g));
    }
    shape[axis] = groups.len();
    let run = inner * tensor.elem().bits() / 8;
    let start = |o: usize, group: &[usize]| (o * size + group[0]) * run;
    let bytes: Vec<u8> =
        (0..outer).flat_map(|o| groups.iter().flat_map(move |g| start(o, g)..start(o, g) + run)).map(|b| tensor.bytes()[b]).collect();
    let list = |values: Vec<i64>| Value::ints([values.len()], &values);
    Ok(vec![
        Value::host(Tensor::new(tensor.elem(), shape, bytes)?),
        list(groups.iter().map(|g| place(g[0])).collect())?,
        list(inverse)?,
        list(groups.iter().map(|g| place(g.len())).collect())?,
    ])
}

/// Whether the engine holds this type as f32.
pub(super) fn float_elem(node: &Node<'_>, code: i64) -> Result<Elem> {
    let elem = elem_of(node, code)?;
    if elem.held() == Some(DType::F32) { Ok(elem) } else { Err(node.unsupported(format!("output of type {elem}"))) }
}
