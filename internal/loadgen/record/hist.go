package record

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latencies are kept to three digits. The steps at the lower end are half a microsecond wide.
const (
	lowest  = time.Microsecond
	highest = 4 * time.Hour
	digits  = 3
)

// Hist is a distribution of times. The zero value is one of none; it is not for concurrent use.
type Hist struct {
	h *hdrhistogram.Histogram
}

// Record adds a time. One of more than four hours counts as four hours.
func (h *Hist) Record(d time.Duration) {
	if h.h == nil {
		h.h = hdrhistogram.New(int64(lowest), int64(highest), digits)
	}
	// Out of range cannot happen after the clamp, so there is no error to pass on.
	_ = h.h.RecordValue(int64(min(max(d, 0), highest)))
}

// Merge adds another's times.
func (h *Hist) Merge(from Hist) {
	if from.h == nil {
		return
	}
	if h.h == nil {
		h.h = hdrhistogram.New(int64(lowest), int64(highest), digits)
	}
	h.h.Merge(from.h) // of the same range, so that nothing is dropped
}

// Clone is a copy.
func (h Hist) Clone() (c Hist) {
	c.Merge(h)
	return c
}

// Reset leaves none.
func (h *Hist) Reset() {
	if h.h != nil {
		h.h.Reset()
	}
}

// Count is how many times there are.
func (h Hist) Count() uint64 {
	if h.h == nil {
		return 0
	}
	return uint64(h.h.TotalCount())
}

// Quantile is the time that percent of all stayed within, to three digits. ok is false where there is none.
func (h Hist) Quantile(percent float64) (d time.Duration, ok bool) {
	if h.Count() == 0 {
		return 0, false
	}
	return time.Duration(h.h.ValueAtPercentile(percent)), true
}

// Max is the longest time, to three digits. ok is false where there is none.
func (h Hist) Max() (d time.Duration, ok bool) {
	if h.Count() == 0 {
		return 0, false
	}
	return time.Duration(h.h.Max()), true
}

// Mean is the mean time. ok is false where there is none.
func (h Hist) Mean() (d time.Duration, ok bool) {
	if h.Count() == 0 {
		return 0, false
	}
	return time.Duration(h.h.Mean()), true
}

// HDR is the histogram itself, in nanoseconds, as its own log format has it; nil where there are no times.
func (h Hist) HDR() *hdrhistogram.Histogram {
	if h.Count() == 0 {
		return nil
	}
	return h.h
}

// MarshalJSON implements json.Marshaler: HdrHistogram's own compressed form (V2) in base64, which its tools read.
// None is null.
func (h Hist) MarshalJSON() ([]byte, error) {
	if h.Count() == 0 {
		return []byte("null"), nil
	}
	text, err := h.h.EncodeV2()
	if err != nil {
		return nil, err
	}
	return json.Marshal(string(text))
}

// IsZero is for omitzero.
func (h Hist) IsZero() bool { return h.Count() == 0 }

// UnmarshalJSON implements json.Unmarshaler.
func (h *Hist) UnmarshalJSON(text []byte) error {
	var s *string
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("a histogram: expected text: %w", err)
	}
	h.h = nil
	if s == nil {
		return nil
	}
	read, err := hdrhistogram.Decode([]byte(*s))
	if err != nil {
		return fmt.Errorf("a histogram: expected HdrHistogram's compressed form in base64: %w", err)
	}
	h.h = hdrhistogram.New(int64(lowest), int64(highest), digits)
	if dropped := h.h.Merge(read); dropped > 0 {
		return fmt.Errorf("a histogram: %d times of more than %s", dropped, highest)
	}
	return nil
}

// Sparse is a distribution of times that takes little memory: there is one an interval. The zero value is one of none.
type Sparse struct {
	p *hdrhistogram.PackedHistogram
}

// Record adds a time. One of more than four hours counts as four hours.
func (s *Sparse) Record(d time.Duration) {
	if s.p == nil {
		s.p = hdrhistogram.NewPacked(int64(lowest), int64(highest), digits)
	}
	_ = s.p.RecordValue(int64(min(max(d, 0), highest))) // in range
}

// Count is how many times there are.
func (s Sparse) Count() uint64 {
	if s.p == nil {
		return 0
	}
	return uint64(s.p.TotalCount())
}

// IsZero is for omitzero.
func (s Sparse) IsZero() bool { return s.Count() == 0 }

// Quantile is the time that percent of all stayed within, to three digits. ok is false where there is none.
func (s Sparse) Quantile(percent float64) (d time.Duration, ok bool) {
	if s.Count() == 0 {
		return 0, false
	}
	return time.Duration(s.p.ValueAtPercentile(percent)), true
}

// Max is the longest time, to three digits. ok is false where there is none.
func (s Sparse) Max() (d time.Duration, ok bool) {
	if s.Count() == 0 {
		return 0, false
	}
	return time.Duration(s.p.Max()), true
}

// HDR is the histogram itself, in nanoseconds; nil where there are no times.
func (s Sparse) HDR() *hdrhistogram.PackedHistogram {
	if s.Count() == 0 {
		return nil
	}
	return s.p
}

// MarshalJSON implements json.Marshaler, as that of Hist does.
func (s Sparse) MarshalJSON() ([]byte, error) {
	if s.Count() == 0 {
		return []byte("null"), nil
	}
	text, err := s.p.Encode()
	if err != nil {
		return nil, err
	}
	return json.Marshal(string(text))
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Sparse) UnmarshalJSON(text []byte) error {
	var h Hist
	if err := h.UnmarshalJSON(text); err != nil {
		return err
	}
	s.p = nil
	if h.Count() > 0 {
		s.p = hdrhistogram.NewPacked(int64(lowest), int64(highest), digits)
		s.p.MergeFrom(h.h) // of the same range
	}
	return nil
}
