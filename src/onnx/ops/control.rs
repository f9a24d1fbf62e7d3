//! Branches and loops: resolved while the model is imported. Loops are unrolled, so what ends them must be known then.

use super::Table;
use super::sequence::{integer, join, truth};
use crate::error::Result;
use crate::graph::Var;
use crate::onnx::node::Node;
use crate::onnx::port::{Dim, port};
use crate::onnx::proto;
use crate::onnx::tensor::Tensor;
use crate::onnx::value::Value;

pub(super) const TABLE: Table = &[("If", branch), ("Loop", repeat), ("Scan", scan)];

/// The truth value of a condition, if it is known.
fn known(node: &Node<'_>, value: &Value) -> Result<Option<bool>> {
    let Some(tensor) = node.context.known(value)? else { return Ok(None) };
    match tensor.ints()?[..] {
        [value] => Ok(Some(value != 0)),
        _ => Err(node.wrong(format!("its condition is {}{:?}, not one truth value", tensor.elem(), tensor.shape()))),
    }
}

fn branch(node: &Node<'_>) -> Result<Vec<Value>> {
    let (yes, no) = (node.subgraph("then_branch")?, node.subgraph("else_branch")?);
    let run = |graph, part| node.bodies.subgraph(node.body, graph, Vec::new(), &format!("{}/{part}", node.name));
    match known(node, node.value(0)?)? {
        Some(true) => run(yes, "then"),
        Some(false) => run(no, "else"),
        // Branches have no effects but their outputs: both run, and the condition picks.
        None => {
            let condition = node.var(0)?.reshape([])?;
            run(yes, "then")?.iter().zip(run(no, "else")?.iter()).map(|(a, b)| pick(node, &condition, a, b)).collect()
        }
    }
}

fn pick(node: &Node<'_>, condition: &Var, a: &Value, b: &Value) -> Result<Value> {
    let differ =
        |what: String| Err(node.unsupported(format!("its condition depends on what the model is run on, and its branches give {what}")));
    match (a, b) {
        (Value::Empty, Value::Empty) => Ok(Value::Empty),
        (Value::Sequence(a), Value::Sequence(b)) if a.len() == b.len() => {
            Ok(Value::sequence(a.iter().zip(b.iter()).map(|(a, b)| pick(node, condition, a, b)).collect::<Result<_>>()?))
        }
        (Value::Sequence(_) | Value::Empty, _) | (_, Value::Sequence(_) | Value::Empty) => {
            differ("sequences of different lengths".to_owned())
        }
        _ if a.elem()? != b.elem()? || a.shape()? != b.shape()? => {
            differ(format!("{}{:?} and {}{:?}", a.elem()?, a.shape()?, b.elem()?, b.shape()?))
        }
        _ => Ok(Value::of(a.elem()?, condition.where_(&node.context.var(a)?, &node.context.var(b)?)?)),
    }
}

fn repeat(node: &Node<'_>) -> Result<Vec<Value>> {
    let body = node.subgraph("body")?;
    let trips = if node.has(0) { Some(integer(node, 0)?) } else { None };
    // Without the input, what the body says of the condition is ignored. So says the standard; ONNX Runtime stops all the same.
    let watched = node.has(1);
    let unknown = || node.unsupported("its condition depends on what the model is run on: loops are unrolled, give the values at load");
    let mut on = !watched || known(node, node.value(1)?)?.ok_or_else(unknown)?;
    if trips.is_none() && !watched {
        return Err(node.wrong("a loop without trip count and condition has no end"));
    }
    let mut carried = (2..node.count()).map(|i| node.value(i).cloned()).collect::<Result<Vec<_>>>()?;
    let scans = body.output.len().checked_sub(1 + carried.len());
    let scans =
        scans.ok_or_else(|| node.wrong(format!("its body gives {} outputs for {} carried values", body.output.len(), carried.len())))?;
    let mut stacks = vec![Vec::new(); scans];
    let mut turn = 0;
    while on && trips.is_none_or(|trips| turn < trips) {
        let inputs = [Value::ints([], &[turn])?, truth(true)?].into_iter().chain(carried.iter().cloned()).collect();
        let mut outputs = node.bodies.subgraph(node.body, body, inputs, &format!("{}[{turn}]", node.name))?.into_iter();
        if let Some(condition) = outputs.next().filter(|_| watched) {
            on = known(node, &condition)?.ok_or_else(unknown)?;
        }
        let count = carried.len();
        carried = outputs.by_ref().take(count).collect();
        stacks.iter_mut().zip(outputs).for_each(|(stack, value)| stack.push(value));
        turn += 1;
    }
    for (stack, info) in stacks.iter().zip(&body.output[1 + carried.len()..]) {
        carried.push(if stack.is_empty() { nothing(node, info)? } else { join(node, stack, 0, true)? });
    }
    Ok(carried)
}

/// What a loop without a turn stacked: no elements of the shape that its body declares.
fn nothing(node: &Node<'_>, info: &proto::ValueInfo) -> Result<Value> {
    let open = || node.unsupported(format!("no turn of a loop whose output '{}' has no declared shape", info.name));
    let port = port(info).map_err(|_| open())?;
    let size = |dim: &Dim| if let Dim::Size(size) = dim { Ok(*size) } else { Err(open()) };
    let shape = port.dims.as_ref().ok_or_else(open)?.iter().map(size).collect::<Result<Vec<_>>>()?;
    Ok(Value::host(Tensor::new(port.elem, [vec![0], shape].concat(), Vec::new())?))
}

/// An axis and whether it is walked from its end.
type Way = (usize, bool);

fn scan(node: &Node<'_>) -> Result<Vec<Value>> {
    let body = node.subgraph("body")?;
    let count = node.size("num_scan_inputs", node.required_int("num_scan_inputs")?)?;
    let first = usize::from(node.opset < 9);
    let values = (first..node.count()).map(|i| node.value(i).cloned()).collect::<Result<Vec<_>>>()?;
    let states = values.len().checked_sub(count).filter(|_| count > 0);
    let states = states.ok_or_else(|| node.wrong(format!("{count} of its {} inputs are scanned", values.len())))?;
    let outputs = body.output.len().checked_sub(states).ok_or_else(|| node.wrong("its body gives fewer outputs than there are states"))?;
    let (states, inputs) = values.split_at(states);
    if node.opset < 9 {
        return scan_batch(node, body, states, inputs, outputs);
    }
    let ranks = inputs.iter().map(|v| Ok(v.shape()?.len())).collect::<Result<Vec<_>>>()?;
    let axes = list(node, "scan_input_axes", count)?.into_iter().zip(ranks).map(|(axis, rank)| node.axis(axis, rank));
    let axes = axes.collect::<Result<Vec<_>>>()?;
    let ways: Vec<Way> = axes.into_iter().zip(reverse(node, "scan_input_directions", count)?).collect();
    let (axes, back) = (list(node, "scan_output_axes", outputs)?, reverse(node, "scan_output_directions", outputs)?);
    let (mut results, stacks) = turns(node, body, states.to_vec(), inputs, &ways, node.name)?;
    for ((mut stack, axis), back) in stacks.into_iter().zip(axes).zip(back) {
        if back {
            stack.reverse();
        }
        results.push(join(node, &stack, axis, true)?);
    }
    Ok(results)
}

/// Version 8: each element of a batch in dimension 0 is scanned along what is dimension 1.
fn scan_batch(node: &Node<'_>, body: &proto::Graph, states: &[Value], inputs: &[Value], outputs: usize) -> Result<Vec<Value>> {
    let ways: Vec<Way> = reverse(node, "directions", inputs.len())?.into_iter().map(|back| (0, back)).collect();
    let shape = inputs[0].shape()?;
    let &[batch, length, ..] = &shape[..] else { return Err(node.wrong(format!("its input {shape:?} has no batch and sequence"))) };
    if let Some(lengths) = node.optional_ints(0)?
        && lengths.iter().any(|&l| usize::try_from(l) != Ok(length))
    {
        return Err(node.unsupported(format!("sequences of lengths {lengths:?} in a tensor of {length}")));
    }
    let mut columns = vec![Vec::new(); states.len() + outputs];
    for b in 0..batch {
        let of = |values: &[Value]| values.iter().map(|v| at(node, v, 0, b)).collect::<Result<Vec<_>>>();
        let (results, stacks) = turns(node, body, of(states)?, &of(inputs)?, &ways, &format!("{}[{b}]", node.name))?;
        let stacks = stacks.iter().map(|stack| join(node, stack, 0, true)).collect::<Result<Vec<_>>>()?;
        columns.iter_mut().zip(results.into_iter().chain(stacks)).for_each(|(column, value)| column.push(value));
    }
    columns.iter().map(|column| join(node, column, 0, true)).collect()
}

/// The body for each element of the inputs: the last states, and what each turn gave beside them.
fn turns(
    node: &Node<'_>,
    body: &proto::Graph,
    mut states: Vec<Value>,
    inputs: &[Value],
    ways: &[Way],
    name: &str,
) -> Result<(Vec<Value>, Vec<Vec<Value>>)> {
    let size = |(value, way): (&Value, &Way)| Ok(value.shape()?.get(way.0).copied().unwrap_or(0));
    let sizes = inputs.iter().zip(ways).map(size).collect::<Result<Vec<_>>>()?;
    let length = sizes.first().copied().unwrap_or(0);
    if sizes.iter().any(|&s| s != length) {
        return Err(node.wrong(format!("its inputs have {sizes:?} elements to scan")));
    }
    let mut stacks = vec![Vec::new(); body.output.len().saturating_sub(states.len())];
    for turn in 0..length {
        let element = |(value, &(axis, back))| at(node, value, axis, if back { length - 1 - turn } else { turn });
        let elements = inputs.iter().zip(ways).map(element).collect::<Result<Vec<_>>>()?;
        let count = states.len();
        let mut outputs = node.bodies.subgraph(node.body, body, [states, elements].concat(), &format!("{name}[{turn}]"))?.into_iter();
        states = outputs.by_ref().take(count).collect();
        stacks.iter_mut().zip(outputs).for_each(|(stack, value)| stack.push(value));
    }
    Ok((states, stacks))
}

/// Element `index` of a dimension, without that dimension.
fn at(node: &Node<'_>, value: &Value, axis: usize, index: usize) -> Result<Value> {
    let var = node.context.var(value)?;
    Ok(Value::of(value.elem()?, var.narrow(axis.cast_signed(), index, 1)?.squeeze(axis.cast_signed())?))
}

/// A list of `count` numbers, zeros where it is absent.
fn list(node: &Node<'_>, name: &'static str, count: usize) -> Result<Vec<i64>> {
    match node.int_list(name)? {
        None => Ok(vec![0; count]),
        Some(list) if list.len() == count => Ok(list),
        Some(list) => Err(node.wrong(format!("attribute {name} = {list:?} is for {count}"))),
    }
}

fn reverse(node: &Node<'_>, name: &'static str, count: usize) -> Result<Vec<bool>> {
    let back = |direction| match direction {
        0 | 1 => Ok(direction == 1),
        _ => Err(node.wrong(format!("attribute {name} has {direction}, which is neither 0 nor 1"))),
    };
    list(node, name, count)?.into_iter().map(back).collect()
}
