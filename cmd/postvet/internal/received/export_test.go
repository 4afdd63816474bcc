package received

// HoldAtMost sets how many records are held back at most.
func (r *Reader) HoldAtMost(n int) { r.held = n }
