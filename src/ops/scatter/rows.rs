//! Rows that updates name as a whole: a workgroup looks for the updates of its row once for all of its columns. An embedding's gradient is
//! such a sum, of thousands of updates and rows.

use super::ScatterReduction;
use crate::array::DType;
use crate::error::Result;
use crate::gpu::{Kernel, Launch, Slot, kernel, params};
use crate::ops::{Site, WORKGROUP, item_header, launch_rows, u32_of};

params! {
    struct Params { rows: u32, first_row: u32, columns: u32, updates: u32, size: u32, skip: u32 }
}

pub(super) static ROWS: Kernel =
    kernel!("scatter/rows", Params, header: "alias Scalar = f32;\n#import scalar\n#import reduction\nconst OWN = 4u;\n");

/// Fewer columns than these, or updates, are not worth the barriers.
const FEWEST: usize = 16;

/// Numbers from which on 16 columns of each invocation leave a thousand workgroups.
const ENOUGH: usize = 16 * WORKGROUP as usize * 1024;

/// The launches for an output of `size` rows of `columns`, and so many updates whose rows are said at `indices`; none if they are few.
pub(super) fn launches(
    op: &'static str,
    reduction: ScatterReduction,
    site: &Site<'_>,
    indices: Slot,
    [size, columns, updates]: [usize; 3],
) -> Result<Option<Vec<Launch>>> {
    if columns.min(updates) < FEWEST {
        return Ok(None);
    }
    let dtype = if reduction == ScatterReduction::None { DType::U32 } else { site.inputs[0].dtype };
    let own = match columns {
        // The search is the same however many columns follow it, as long as there is work for all.
        long if long >= 16 * WORKGROUP as usize && size * long >= ENOUGH => 16,
        long if long > WORKGROUP as usize => 4,
        _ => 1,
    };
    let launches = launch_rows(op, site.device, size, &[4 * columns as u64], |rows| {
        let window = site.device.window((rows.start * columns) as u64..(rows.end * columns) as u64, 4);
        let params = Params {
            rows: u32_of(rows.len()),
            first_row: u32_of(rows.start),
            columns: u32_of(columns),
            updates: u32_of(updates),
            size: u32_of(size),
            skip: window.skip,
        };
        let groups = rows.len() * columns.div_ceil(own * WORKGROUP as usize);
        // All may name one row.
        Launch::new(&ROWS, &params, groups as u64)
            .turns(updates * (own + 1))
            .header(item_header(dtype, 1) + "#import reduction\n" + &format!("const OWN = {own}u;\n"))
            .constant("REPLACE", u32::from(reduction == ScatterReduction::None))
            .constant("COMBINE", reduction.combine())
            .constant("FLOAT", u32::from(dtype == DType::F32))
            .input_window(0, &window)
            .bind(indices, false, None)
            .input(2)
            .output_window(0, &window)
    })?;
    Ok(Some(launches))
}
