//! Every shader parses and validates, and says the same about its parameters and bindings as the host does.

use foveate::gpu::{INCLUDES, Kernel, expand};
use foveate::ops::kernels;
use naga::back::{hlsl, msl, pipeline_constants::process_overrides};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use std::collections::BTreeSet;
use std::path::Path;
use wgpu::Features;

fn shaders() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders"))
}

fn parse(kernel: &Kernel) -> Result<naga::Module, String> {
    validated(kernel, &expand(kernel.header, kernel.source)).map(|(module, _)| module)
}

fn validated(kernel: &Kernel, text: &str) -> Result<(naga::Module, ModuleInfo), String> {
    let module = naga::front::wgsl::parse_str(text).map_err(|e| e.emit_to_string(text))?;
    let needs = [
        (Features::SHADER_INT64, Capabilities::SHADER_INT64),
        (Features::SUBGROUP, Capabilities::SUBGROUP),
        (Features::SHADER_F16, Capabilities::SHADER_FLOAT16),
        (Features::EXPERIMENTAL_COOPERATIVE_MATRIX, Capabilities::COOPERATIVE_MATRIX),
    ];
    let capabilities = needs.iter().filter(|(feature, _)| kernel.needs().contains(*feature)).map(|(_, capability)| *capability).collect();
    let mut validator = Validator::new(ValidationFlags::all(), capabilities);
    validator.subgroup_stages(naga::valid::ShaderStages::COMPUTE).subgroup_operations(naga::valid::SubgroupOperationSet::all());
    let info = validator.validate(&module).map_err(|e| e.emit_to_string(text))?;
    Ok((module, info))
}

/// The text of a kernel that notes the largest magnitude of what it stores, if it can.
fn noting(kernel: &Kernel) -> Option<String> {
    const WORD: &str = "@group(0) @binding(20) var<storage, read_write> largest_stored: atomic<u32>;\n";
    let text = expand(&format!("#set NOTES 1\n{}{WORD}", kernel.header), kernel.source);
    text.contains("fn noted()").then_some(text)
}

/// For `scripts/browser-check.sh`: the texts as a browser would get them.
#[test]
fn texts_can_be_written_out() {
    let Some(folder) = std::env::var_os("FOVEATE_WGSL_DIR") else { return };
    for kernel in kernels().iter().filter(|k| k.needs().is_empty()) {
        let path = Path::new(&folder).join(kernel.name.replace('/', "-"));
        std::fs::write(path.with_extension("wgsl"), expand(kernel.header, kernel.source)).unwrap();
        if let Some(text) = noting(kernel) {
            std::fs::write(path.with_extension("noting.wgsl"), text).unwrap();
        }
    }
}

/// WebGPU's baseline is what every kernel here needs: no capability beyond it, but for those of lavapipe's lanes and of matrices.
#[test]
fn every_kernel_validates() {
    let failures: Vec<String> = kernels().iter().filter_map(|k| parse(k).err().map(|e| format!("{}:\n{e}", k.name))).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// So do those that can note the largest magnitude of what they store, when they are told to.
#[test]
fn kernels_that_note_validate() {
    let mut count = 0;
    for kernel in kernels() {
        let Some(text) = noting(kernel) else { continue };
        count += 1;
        assert!(text.contains("atomicMax(&largest_stored"), "{}:\n{text}", kernel.name);
        validated(kernel, &text).unwrap_or_else(|e| panic!("{}:\n{e}", kernel.name));
    }
    assert!(count >= 20, "{count} kernels note");
}

/// So do those that finish what they store, with the functions of all operators that they may finish with.
#[test]
fn kernels_that_finish_have_names_of_their_own() {
    let (mut count, mut failures) = (0, Vec::new());
    for kernel in kernels() {
        let header = expand(kernel.header, "");
        if !header.contains("fn finish(value: Element") {
            continue;
        }
        count += 1;
        let ty = |scalar: &str| if header.contains("alias Element = f32;") { scalar.to_owned() } else { format!("vec4<{scalar}>") };
        let aliases = [("Word", "u32"), ("Int", "i32"), ("Flag", "bool"), ("Float", "f32")];
        let mut functions: String = aliases.iter().map(|(name, scalar)| format!("alias {name} = {};\n", ty(scalar))).collect();
        for include in ["activations", "floats", "formats", "quotient", "divide"] {
            functions += &format!("#import {include}\n");
        }
        let text = expand(&format!("{}{functions}", kernel.header), kernel.source);
        failures.extend(validated(kernel, &text).err().map(|e| format!("{}:\n{e}", kernel.name)));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(count >= 15, "{count} kernels finish");
}

/// A kernel for Metal or Direct3D, as wgpu hands it to naga there: with its constants, and none on matrices, which are for Vulkan alone.
fn for_others() -> Result<Vec<(&'static Kernel, naga::Module, ModuleInfo)>, String> {
    let of = |kernel: &'static Kernel| {
        let (module, info) = validated(kernel, &expand(kernel.header, kernel.source))?;
        let (module, info) = process_overrides(&module, &info, None, &Default::default()).map_err(|e| format!("{}: {e}", kernel.name))?;
        Ok((kernel, module.into_owned(), info.into_owned()))
    };
    kernels().into_iter().filter(|k| !k.needs().contains(Features::EXPERIMENTAL_COOPERATIVE_MATRIX)).map(of).collect()
}

#[test]
fn every_kernel_is_metal() {
    let options = msl::Options { lang_version: (2, 4), ..msl::Options::default() };
    for (kernel, module, info) in for_others().unwrap() {
        let written = msl::write_string(&module, &info, &options, &msl::PipelineOptions::default());
        let (text, translation) = written.unwrap_or_else(|e| panic!("{}: {e}", kernel.name));
        assert!(text.contains("kernel void"), "{}:\n{text}", kernel.name);
        assert!(translation.entry_point_names.iter().all(Result::is_ok), "{}: {:?}", kernel.name, translation.entry_point_names);
    }
}

/// What wgpu gives Direct3D's compilers of a kernel: registers in order, and no checks but of bounds (`gpu/pipeline.rs`).
fn hlsl_of(kernel: &Kernel, module: &naga::Module, info: &ModuleInfo) -> Result<String, String> {
    let mut registers = [0; 3];
    let bindings = module.global_variables.iter().filter_map(|(_, variable)| {
        let class = match variable.space {
            naga::AddressSpace::Uniform => 0,
            naga::AddressSpace::Storage { access } => 1 + usize::from(access.contains(naga::StorageAccess::STORE)),
            _ => return None,
        };
        registers[class] += 1;
        Some((variable.binding?, hlsl::BindTarget { register: registers[class] - 1, ..hlsl::BindTarget::default() }))
    });
    let binding_map = bindings.collect();
    // The compiler that every Windows has knows 5.1.
    let shader_model = if kernel.needs().is_empty() { hlsl::ShaderModel::V5_1 } else { hlsl::ShaderModel::V6_2 };
    // The number of workgroups is handed over beside.
    let special_constants_binding = Some(hlsl::BindTarget { register: 1, ..hlsl::BindTarget::default() });
    let (fake_missing_bindings, zero_initialize_workgroup_memory, force_loop_bounding) = (false, false, false);
    let options = hlsl::Options {
        shader_model,
        binding_map,
        special_constants_binding,
        fake_missing_bindings,
        zero_initialize_workgroup_memory,
        force_loop_bounding,
        ..hlsl::Options::default()
    };
    let pipeline = hlsl::PipelineOptions { entry_point: Some((naga::ShaderStage::Compute, "main".to_owned())) };
    let mut text = String::new();
    let written = hlsl::Writer::new(&mut text, &options, &pipeline).write(module, info, None);
    let entry_points = written.map_err(|e| e.to_string())?.entry_point_names;
    if entry_points.iter().all(|e| e.as_deref() == Ok("main")) { Ok(text) } else { Err(format!("{entry_points:?}")) }
}

/// `FOVEATE_HLSL_DIR` names a folder to write the texts to, for a compiler at hand.
#[test]
fn every_kernel_is_hlsl() {
    let folder = std::env::var_os("FOVEATE_HLSL_DIR");
    for (kernel, module, info) in for_others().unwrap() {
        let text = hlsl_of(kernel, &module, &info).unwrap_or_else(|e| panic!("{}: {e}", kernel.name));
        assert!(text.contains("[numthreads("), "{}:\n{text}", kernel.name);
        if let Some(folder) = &folder {
            let model = if kernel.needs().is_empty() { "5_1" } else { "6_2" };
            std::fs::write(Path::new(folder).join(format!("{}.{model}.hlsl", kernel.name.replace('/', "-"))), text).unwrap();
        }
    }
}

/// What Direct3D's older compiler, FXC, compiles badly or not at all; `scripts/direct3d.sh` runs it.
///
/// A component of a vector that is read by a variable index is a product with (0, 1, 0, 0) to it, which is NaN where another component is
/// infinite. One that is assigned makes it write out all loops around, until it gives up. A variable that is a struct with arrays in it takes
/// it minutes.
#[test]
fn every_kernel_is_for_fxc() {
    use naga::{AddressSpace::Function, Expression, TypeInner};
    let mut failures = Vec::new();
    // Of what FXC knows.
    for (kernel, module, info) in for_others().unwrap().into_iter().filter(|(kernel, ..)| kernel.needs().is_empty()) {
        let functions = module.functions.iter().map(|(handle, function)| (function, &info[handle]));
        let main = (&module.entry_points[0].function, info.get_entry_point(0));
        for (function, types) in functions.chain([main]) {
            let name = format!("{}: {}", kernel.name, function.name.as_deref().unwrap_or_default());
            for (_, expression) in function.expressions.iter() {
                let Expression::Access { base, .. } = expression else { continue };
                let component = match *types[*base].ty.inner_with(&module.types) {
                    TypeInner::ValuePointer { size: Some(_), space: Function, .. } => true,
                    TypeInner::Pointer { base, space: Function } => {
                        matches!(module.types[base].inner, TypeInner::Vector { .. } | TypeInner::Matrix { .. })
                    }
                    // Of integers that are only read FXC takes the bits.
                    TypeInner::Vector { scalar, .. } => scalar.kind == naga::ScalarKind::Float,
                    TypeInner::Matrix { .. } => true,
                    _ => false,
                };
                if component {
                    failures.push(format!("{name} takes a component by a variable index"));
                }
            }
            for (_, variable) in function.local_variables.iter() {
                let TypeInner::Struct { members, .. } = &module.types[variable.ty].inner else { continue };
                if members.iter().any(|m| matches!(module.types[m.ty].inner, TypeInner::Array { .. })) {
                    failures.push(format!("{name} has a struct with an array: {:?}", variable.name));
                }
            }
        }
    }
    failures.dedup();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn params_agree_with_the_host() {
    let mut failures = Vec::new();
    for kernel in kernels() {
        let module = parse(kernel).unwrap();
        let named = |name: &str| module.types.iter().find(|(_, t)| t.name.as_deref() == Some(name));
        let Some((_, naga::Type { inner: naga::TypeInner::Struct { members, .. }, .. })) = named("Params") else {
            failures.push(format!("{} has no struct Params", kernel.name));
            continue;
        };
        let mut layouter = naga::proc::Layouter::default();
        layouter.update(module.to_ctx()).unwrap();
        let shader: Vec<_> =
            members.iter().map(|m| (m.name.clone().unwrap_or_default(), m.offset as usize, layouter[m.ty].size as usize)).collect();
        let host: Vec<_> = kernel.params.iter().map(|f| (f.name.to_owned(), f.offset, f.size)).collect();
        if shader != host {
            failures.push(format!("{}: the shader has {shader:?}\nthe host {host:?}", kernel.name));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn bindings_are_params_then_storage_in_order() {
    for kernel in kernels() {
        let module = parse(kernel).unwrap();
        let mut seen = BTreeSet::new();
        for (_, variable) in module.global_variables.iter() {
            let Some(binding) = &variable.binding else { continue };
            assert_eq!(binding.group, 0, "{}: {:?}", kernel.name, variable.name);
            let uniform = variable.space == naga::AddressSpace::Uniform;
            assert_eq!(uniform, binding.binding == 0, "{}: only binding 0 is uniform", kernel.name);
            assert_eq!(uniform, variable.name.as_deref() == Some("params"), "{}: the uniform is called params", kernel.name);
            seen.insert(binding.binding);
        }
        assert!(seen.iter().copied().eq(0..seen.len() as u32), "{}: bindings {seen:?} are not consecutive", kernel.name);
    }
}

#[test]
fn every_file_is_one_kernel_or_one_include() {
    fn files(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files(&path, found);
            } else {
                let name = path.strip_prefix(shaders()).unwrap().with_extension("");
                found.insert(name.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    let mut on_disk = BTreeSet::new();
    files(shaders(), &mut on_disk);
    let includes = INCLUDES.iter().map(|(name, _)| format!("include/{name}"));
    let listed: Vec<String> = kernels().iter().map(|k| k.name.to_owned()).chain(includes).collect();
    let unique: BTreeSet<String> = listed.iter().cloned().collect();
    assert_eq!(unique.len(), listed.len(), "a kernel is listed twice: {listed:?}");
    assert_eq!(on_disk, unique);
}
