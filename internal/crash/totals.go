package crash

import "time"

// Totals are the figures of a round, or of all.
type Totals struct {
	Kills        map[Victim]int
	InCutover    int // of them, while a cutover was under way
	Payments     int
	Acknowledged int    // operations answered, all rechecked
	Resent       uint64 // requests whose connection broke before the answer came
	Unanswered   uint64 // operations without an answer from the issuer
	Files        int    // clearing files verified
	Took         time.Duration
}

func (t *Totals) add(o *Totals) {
	for v, n := range o.Kills {
		t.killed(v, n)
	}
	t.InCutover += o.InCutover
	t.Payments += o.Payments
	t.Acknowledged += o.Acknowledged
	t.Resent += o.Resent
	t.Unanswered += o.Unanswered
	t.Files += o.Files
	t.Took += o.Took
}

func (t *Totals) killed(v Victim, n int) {
	if t.Kills == nil {
		t.Kills = make(map[Victim]int)
	}
	t.Kills[v] += n
}
