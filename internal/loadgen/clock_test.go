package loadgen_test

import (
	"reflect"
	"testing"
	"time"
	"unsafe"

	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/record"
)

// jumped is a moment as it is read when the wall clock has jumped: the monotonic one has not. There is no other way to
// have such a moment than to change the clock of the machine; the layout is that of package time's documentation of
// Time.wall: a bit for the monotonic reading, 33 bits of seconds, 30 of nanoseconds.
func jumped(t *testing.T, at time.Time, by time.Duration) time.Time {
	t.Helper()
	wall := (*uint64)(unsafe.Pointer(reflect.ValueOf(&at).Elem().FieldByName("wall").UnsafeAddr()))
	*wall += uint64(int64(by/time.Second)) << 30
	return at
}

// jumping is a target that answers after a while, at a moment of a clock that has jumped meanwhile.
type jumping struct {
	t  *testing.T
	by time.Duration
}

const jumpWait = 20 * time.Millisecond

func (j jumping) Start(_, _ int, _ uint64, end func(loadgen.Outcome)) {
	began := time.Now()
	time.AfterFunc(jumpWait, func() {
		now := time.Now()
		at := jumped(j.t, now, j.by)
		if at.Round(0).Sub(now.Round(0)) != j.by || at.Sub(began) != now.Sub(began) {
			j.t.Errorf("the moment is not that of a clock that jumped: %s beside %s", at, now)
		}
		end(loadgen.Outcome{At: at})
	})
}

// A wall clock that jumps makes no latency, and loses no request.
func TestAClockThatJumps(t *testing.T) {
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		res, err := loadgen.Run(t.Context(), loadgen.Options{
			Target: jumping{t, by}, Rate: 200, Fixed: true, Duration: 200 * time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		least, _ := res.Total.Latency.Quantile(1)
		most, _ := res.Total.Latency.Max()
		if least < jumpWait*99/100 || most > time.Minute || res.Approved+res.Failed != res.Total.Ended() ||
			res.Run.Unaccounted != 0 || res.Total.Count(record.Approved) == 0 || res.Run.Window != 200*time.Millisecond {
			t.Errorf("by %s: %d approved in %s, from %s to %s, %d unaccounted", by, res.Approved, res.Run.Window, least, most,
				res.Run.Unaccounted)
		}
	}
}
