package lane

import "time"

// slowRead is the time of a read that waits for the disk; one from memory takes a small part of it. A read during which
// the processor was taken away looks the same, so it takes slowReads of them to tell that a batch waits for the disk.
const (
	slowRead  = 500 * time.Microsecond
	slowReads = 3
)

// Reads tells of the elements of a batch, which are taken one after another, whether they wait for the disk. From then
// on the rest is better taken each by itself: the disk serves many reads at once in the time of one. The zero value has
// seen none.
type Reads struct{ slow int }

// Slow tells whether the batch waits for the disk.
func (r *Reads) Slow() bool { return r.slow >= slowReads }

// Took counts an element that was begun at a moment and is taken now.
func (r *Reads) Took(begin time.Time) {
	if time.Since(begin) >= slowRead {
		r.slow++
	}
}
