package pebble

import (
	"switchyard/switch/journal/record"
)

// logged calls yield for the synced commits of payments from a log position on.
func logged(j *Journal, from uint64, yield func(record.LogEntry) bool) (next uint64, err error) {
	v, err := j.views.acquire()
	if err != nil {
		return from, err
	}
	defer v.release()
	return scanLog(v.snapshot, from, func(_ *record.LogRow, c *record.LogEntry) bool {
		if c.Payment.IsZero() {
			return true
		}
		e := *c
		e.Opens = append([]int(nil), e.Opens...)
		e.Closes = append([]int(nil), e.Closes...)
		return yield(e)
	})
}
