//! Which values lie on the device as f16, where a plan keeps tensors so: those of f32 of which nobody needs all digits.

use super::program::{Kind, Program};
use crate::array::{Array, DType, Data, TensorType, f16};
use crate::gpu::Slot;

/// Marks the values of `program` that f16 may hold. Operators say of which inputs and outputs it may not; what these are computed from
/// is as exact, back to where sums of products begin.
pub(super) fn hold(program: &mut Program) {
    let mut exact = vec![false; program.values.len()];
    for state in &program.states {
        exact[state.value] = true;
        state.next.into_iter().for_each(|next| exact[next] = true);
    }
    for step in program.steps.iter().rev() {
        let types = |values: &[usize]| values.iter().map(|&v| program.ty(v)).collect::<Vec<&TensorType>>();
        for (at, &output) in step.outputs.iter().enumerate() {
            exact[output] |= step.op.exact(Slot::Output(at));
        }
        let copied = step.outputs.iter().any(|&v| exact[v]) && step.op.multiply_adds(&types(&step.inputs), &types(&step.outputs)) == 0;
        for (at, &input) in step.inputs.iter().enumerate() {
            exact[input] |= copied || step.op.exact(Slot::Input(at));
        }
    }
    for (value, exact) in program.values.iter_mut().zip(exact) {
        let fits = match &value.kind {
            Kind::Constant(array) | Kind::Parameter(array) => fits(array),
            _ => true,
        };
        value.half = value.ty.dtype == DType::F32 && !exact && fits;
    }
}

/// Whether no finite number would become infinite: a mask's lowest is to stay what it is.
fn fits(array: &Array) -> bool {
    match array.data() {
        Data::F32(values) => values.iter().all(|v| v.abs() <= f16::MAX.to_f32() || !v.is_finite()),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use crate::gpu::{expand, halve};
    use wgpu::naga::valid::{Capabilities, ShaderStages, SubgroupOperationSet, ValidationFlags, Validator};
    use wgpu::naga::{AddressSpace, TypeInner, front::wgsl::parse_str};

    /// Tensors alone are kept in f16, but which bindings these are is the launches' to say: so all that are arrays of numbers.
    #[test]
    fn every_kernel_can_keep_its_tensors_in_f16() {
        let mut failures = Vec::new();
        for kernel in crate::ops::kernels() {
            let text = expand(kernel.header, kernel.source);
            let module = parse_str(&text).unwrap();
            let number = |inner: &TypeInner| matches!(inner, TypeInner::Scalar(_) | TypeInner::Vector { .. });
            let arrays = module.global_variables.iter().filter(|(_, variable)| {
                let TypeInner::Array { base, .. } = module.types[variable.ty].inner else { return false };
                matches!(variable.space, AddressSpace::Storage { .. }) && number(&module.types[base].inner)
            });
            let bindings: Vec<usize> = arrays.filter_map(|(_, v)| v.binding.map(|b| b.binding as usize)).collect();
            let halved = halve(kernel.name, &text, &bindings).map_err(|e| e.to_string()).and_then(|text| {
                let module = parse_str(&text).map_err(|e| e.emit_to_string(&text))?;
                let mut validator = Validator::new(ValidationFlags::all(), Capabilities::all());
                validator.subgroup_stages(ShaderStages::COMPUTE).subgroup_operations(SubgroupOperationSet::all());
                validator.validate(&module).map_err(|e| e.emit_to_string(&text))
            });
            failures.extend(halved.err().map(|e| format!("{}: {e}", kernel.name)));
        }
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }
}
