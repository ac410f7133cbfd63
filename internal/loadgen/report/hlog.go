package report

import (
	"io"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"switchyard/internal/loadgen/record"
)

// Tags of lines of a log that are not of the window's latencies.
const (
	tagWarmup  = "warm-up"
	tagService = "service"
)

// HLog writes the latencies as a log of HdrHistogram, which its tools read: a line for each interval, in nanoseconds,
// with the longest in milliseconds. Intervals of the warm-up are tagged, and so is the one line of service times, which
// is of the whole window.
func HLog(w io.Writer, r *record.Run) error {
	began := r.Started.Add(firstInterval(r))
	log := hdrhistogram.NewHistogramLogWriter(w)
	log.SetBaseTime(began.UnixMilli())
	for _, line := range []error{
		log.OutputComment("[Logged by switchctl load; latencies count from when a request was due, in ns]"),
		log.OutputLogFormatVersion(),
		log.OutputStartTime(began.UnixMilli()),
		log.OutputLegend(),
	} {
		if line != nil {
			return line
		}
	}
	for i := range r.Intervals {
		iv := &r.Intervals[i]
		h := iv.Latency.HDR()
		if h == nil {
			continue
		}
		h = h.Clone()
		if iv.At < 0 {
			h.SetTag(tagWarmup)
		}
		h.SetStartTimeMs(r.Started.Add(iv.At).UnixMilli())
		h.SetEndTimeMs(r.Started.Add(iv.At + r.Interval).UnixMilli())
		if err := log.OutputIntervalPackedHistogram(h); err != nil {
			return err
		}
	}
	return serviceLine(log, r)
}

func serviceLine(log *hdrhistogram.HistogramLogWriter, r *record.Run) error {
	all := r.Total()
	h := all.Service.HDR()
	if h == nil {
		return nil
	}
	h.SetTag(tagService)
	h.SetStartTimeMs(r.Started.UnixMilli())
	h.SetEndTimeMs(r.Started.Add(r.Window).UnixMilli())
	return log.OutputIntervalHistogram(h)
}

// firstInterval is when the series begins.
func firstInterval(r *record.Run) time.Duration {
	if len(r.Intervals) == 0 {
		return 0
	}
	return r.Intervals[0].At
}
