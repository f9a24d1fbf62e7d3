//! The thin-plate spline through a fixed lattice of control points, solved once on the host.
//!
//! ```text
//! (x, y)(q) = sum over k of w_k U(|q - C_k|) + a_0 + a_1 q_x + a_2 q_y           U(r) = r^2 log r^2, U(0) = 0
//! ```
//!
//! It shall pass through `P_k` at `C_k`, for k = 1..K, and bend as little as it can; the latter says that the `w_k` have no mean and no
//! moments, `sum w_k = 0` and `sum w_k C_k = 0`. Together K + 3 linear equations for K + 3 coefficients of x, and the same for y:
//!
//! ```text
//!     | Phi  1  C |   | w |   | P |
//!     | 1^T  0  0 | * | a | = | 0 |          Phi_kl = U(|C_k - C_l|)
//!     | C^T  0  0 |           | 0 |
//!     \----- L ---/
//! ```
//!
//! The `C_k` never change, so L does not, and the coefficients are linear in P: `L^-1 [P; 0] = X P` with X the first K columns of
//! L^-1, that is the solution of `L X = [I; 0]`. With row(q) = (U(|q - `C_1`|) .. U(|q - `C_K`|), 1, `q_x`, `q_y`) the place of each output
//! pixel is `row(q) X P`, and over all pixels the grid is one product: `grid = M P`, M = Row X of (pixels, K). A spline of the
//! kernel r^2 log r is the same: half of U, with weights twice as large.

/// Control points along each side.
pub(super) const SIDE: usize = 4;
/// Control points in all.
pub(super) const POINTS: usize = SIDE * SIDE;
/// Coefficients of the spline in one direction.
const UNKNOWNS: usize = POINTS + 3;

/// The control points `C_k` as (x, y): a regular lattice over -1..1, row by row.
pub(super) fn controls() -> [[f64; 2]; POINTS] {
    let at = |i: usize| 2.0 * i as f64 / (SIDE - 1) as f64 - 1.0;
    std::array::from_fn(|k| [at(k % SIDE), at(k / SIDE)])
}

/// M: a row of K weights for each place (x, y), which say how much of each `P_k` the spline takes there.
pub(super) fn weights(places: impl Iterator<Item = [f64; 2]>) -> Vec<[f64; POINTS]> {
    let solved = solve();
    places
        .map(|q| {
            let row = row(q);
            std::array::from_fn(|k| row.iter().zip(&solved).map(|(r, x)| r * x[k]).sum())
        })
        .collect()
}

fn row([x, y]: [f64; 2]) -> [f64; UNKNOWNS] {
    let controls = controls();
    let mut row = [0.0; UNKNOWNS];
    for (value, [cx, cy]) in row.iter_mut().zip(controls) {
        let squared = (x - cx).powi(2) + (y - cy).powi(2);
        *value = if squared > 0.0 { squared * squared.ln() } else { 0.0 };
    }
    row[POINTS..].copy_from_slice(&[1.0, x, y]);
    row
}

/// X of `L X = [I; 0]`, by elimination with row exchanges: the diagonal of L is 0.
fn solve() -> [[f64; POINTS]; UNKNOWNS] {
    let controls = controls();
    let mut left = [[0.0; UNKNOWNS]; UNKNOWNS];
    let mut right = [[0.0; POINTS]; UNKNOWNS];
    for (k, control) in controls.into_iter().enumerate() {
        left[k] = row(control);
        let [x, y] = control;
        left[POINTS..].iter_mut().zip([1.0, x, y]).for_each(|(row, value)| row[k] = value);
        right[k][k] = 1.0;
    }
    for step in 0..UNKNOWNS {
        let largest = (step..UNKNOWNS).max_by(|&a, &b| left[a][step].abs().total_cmp(&left[b][step].abs())).unwrap_or(step);
        left.swap(step, largest);
        right.swap(step, largest);
        let (pivot_left, pivot_right) = (left[step], right[step]);
        for i in (0..UNKNOWNS).filter(|&i| i != step) {
            let factor = left[i][step] / pivot_left[step];
            left[i].iter_mut().zip(pivot_left).for_each(|(v, p)| *v -= factor * p);
            right[i].iter_mut().zip(pivot_right).for_each(|(v, p)| *v -= factor * p);
        }
    }
    std::array::from_fn(|i| right[i].map(|v| v / left[i][i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spline_passes_through_its_control_points() {
        for (k, row) in weights(controls().into_iter()).iter().enumerate() {
            for (l, weight) in row.iter().enumerate() {
                assert!((weight - f64::from(u8::from(k == l))).abs() < 1e-13, "at {k} control point {l} weighs {weight}");
            }
        }
    }

    #[test]
    fn what_is_affine_stays_affine_everywhere() {
        let places = [[0.3, -0.7], [-1.0, 0.99], [1.5, 2.0]];
        for (row, [x, y]) in weights(places.into_iter()).iter().zip(places) {
            let affine = |[x, y]: [f64; 2]| 0.5 - 2.0 * x + 0.25 * y;
            let spline: f64 = row.iter().zip(controls()).map(|(m, c)| m * affine(c)).sum();
            assert!((spline - affine([x, y])).abs() < 1e-12);
        }
    }
}
