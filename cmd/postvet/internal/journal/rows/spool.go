package rows

import "time"

// Part is a file of a store, of one day and class.
type Part struct {
	Day   time.Time // its beginning, in UTC
	Class Class
}

// Mark says how far the rows of a part were sent elsewhere. Its zero value is the
// beginning.
type Mark struct {
	// Ref is the reference up to which all rows were sent that were there when it was
	// reached.
	Ref int64
	// Late is the number of rows that came with a lower reference than one before them,
	// up to which they were sent, or will be when Ref passes them.
	Late int64
}

// Chunk is what was read from a part beyond a mark.
type Chunk struct {
	// Next is the mark behind the rows that were read, and Rows their number.
	Next Mark
	Rows int
	// More is true if there are further rows.
	More bool
}
