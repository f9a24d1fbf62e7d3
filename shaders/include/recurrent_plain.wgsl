// What the header of a recurrent step says where there is nothing special: for the tests of all texts, which are complete with it.
#import activations

alias Element = f32;
alias Word = u32;
alias Int = i32;
alias Flag = bool;
alias Float = f32;

fn activate_f(x: f32, d: u32) -> f32 {
    return hyperbolic_tangent(x);
}

fn activate_g(x: f32, d: u32) -> f32 {
    return x;
}

fn activate_h(x: f32, d: u32) -> f32 {
    return x;
}

fn load_c(at: u32) -> f32 {
    return 0.0;
}

fn store_c(at: u32, c: f32) {}

fn store_reset(at: u32, value: f32) {}

fn own_h(at: u32) -> f32 {
    return h_at(at);
}

fn sequence_length(batch: u32) -> i32 {
    return i32(params.steps);
}
