package loadgen

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latencies are recorded in microseconds up to latencyMax, to three digits.
const (
	latencyMax    = 5 * time.Minute
	latencyDigits = 3
)

// NewHistogram makes a histogram of latencies in microseconds.
func NewHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, latencyMax.Microseconds(), latencyDigits)
}

// Record adds a latency to a histogram of NewHistogram.
func Record(h *hdrhistogram.Histogram, d time.Duration) {
	// Out of range cannot happen after the clamp, so there is no error to pass on.
	_ = h.RecordValue(min(max(d, time.Microsecond), latencyMax).Microseconds())
}
