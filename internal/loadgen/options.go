package loadgen

import (
	"errors"
	"fmt"
	"math"
	"time"

	"switchyard/internal/loadgen/arrival"
	"switchyard/internal/loadgen/record"
)

// Defaults and bounds of Options.
const (
	DefaultOpenInFlight = 32_768
	MaxInFlight         = 262_144
	MaxRate             = arrival.MaxRate // a second: a gap of a microsecond
	DefaultDrain        = 15 * time.Second
	maxLanes            = 1024
)

// Options say how to drive.
type Options struct {
	Target Target
	Lanes  int // connections; default 1

	// InFlight is the number of requests, or of flows, that a closed loop keeps in flight. In an open loop it is the most
	// that may be in flight (default DefaultOpenInFlight): past it arrivals wait, and their latency counts on.
	InFlight int
	// Think is how long a closed loop waits between a flow's end and the next one in its place.
	Think time.Duration
	// Rate makes it an open loop: requests, or flows, due a second. 0 without a Schedule makes it a closed one.
	Rate float64
	// Fixed spaces the arrivals of Rate evenly; by default they are a Poisson process, as real traffic is.
	Fixed bool
	// Schedule makes it an open loop in Rate's place. It begins with the warm-up.
	Schedule arrival.Schedule

	Warmup   time.Duration // driven first and counted nowhere
	Duration time.Duration // measured
	// Until ends the measured time early when it is closed; what is in flight is waited for as at any end. May be nil.
	Until <-chan struct{}
	// Timeout is how long a caller waits before it gives a request up; 0: until the drain is over. It needs a Target that
	// is a Forgetter.
	Timeout  time.Duration
	Drain    time.Duration // how long to wait at the end for what is in flight; default DefaultDrain
	Seed     uint64        // of the arrivals
	FirstSeq uint64        // number of the first request

	Ops      []string         // names of the operations of an Opener; default one, "request"
	Recorder *record.Recorder // of Options.Record; default a new one
	Began    func(time.Time)  // told of the moment from which the recorder's times count; may be nil
	Drove    func()           // called when nothing more is sent, before what is in flight is waited for; may be nil
}

// Record makes the recorder of a run with these options, for who wants to look on.
func (o *Options) Record() (*record.Recorder, error) {
	c := *o
	if err := c.complete(); err != nil {
		return nil, err
	}
	if o.Recorder != nil {
		return o.Recorder, nil
	}
	model := record.Closed
	if c.open() {
		model = record.Open
	}
	return record.New(record.Config{
		Model: model, Operations: c.Ops, Shards: c.Lanes + 1, Warmup: c.Warmup, Window: c.Duration,
	})
}

func (o *Options) complete() error {
	if o.Lanes == 0 {
		o.Lanes = 1
	}
	if o.Drain == 0 {
		o.Drain = DefaultDrain
	}
	if o.InFlight == 0 && o.open() {
		o.InFlight = DefaultOpenInFlight
	}
	if len(o.Ops) == 0 {
		o.Ops = []string{"request"}
	}
	_, forgets := o.Target.(Forgetter)
	switch {
	case o.Target == nil:
		return errors.New("loadgen: a target is needed")
	case o.Lanes < 1 || o.Lanes > maxLanes:
		return fmt.Errorf("loadgen: %d lanes, expected 1 to %d", o.Lanes, maxLanes)
	case o.InFlight < 1 || o.InFlight > MaxInFlight:
		return fmt.Errorf("loadgen: %d in flight, expected 1 to %d", o.InFlight, MaxInFlight)
	case math.IsNaN(o.Rate) || o.Rate < 0 || o.Rate > MaxRate:
		return fmt.Errorf("loadgen: a rate of %g, expected more than 0 and at most %d a second", o.Rate, MaxRate)
	case o.Duration <= 0:
		return errors.New("loadgen: a duration is needed")
	case o.Warmup < 0 || o.Drain < 0 || o.Timeout < 0 || o.Think < 0:
		return errors.New("loadgen: a time span is negative")
	case o.Timeout > 0 && !forgets:
		return errors.New("loadgen: a timeout needs a target whose requests can be given up")
	}
	// A lane without a slot would never send.
	o.Lanes = min(o.Lanes, o.InFlight)
	if o.Rate > 0 && o.Schedule == nil {
		all := []arrival.Stage{arrival.Constant(o.Rate, o.Warmup+o.Duration)}
		p, err := arrival.NewProfile(all, o.Fixed, o.Seed)
		if err != nil {
			return fmt.Errorf("loadgen: %w", err)
		}
		o.Schedule = p
	}
	return nil
}

// open tells whether it is an open loop.
func (o *Options) open() bool { return o.Rate > 0 || o.Schedule != nil }
