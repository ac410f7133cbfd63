package scenario

import (
	"bytes"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"time"

	"switchyard/internal/capture"
	"switchyard/internal/config"
	"switchyard/internal/isotool"
	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/arrival"
	"switchyard/spec"
)

// Replay is a plan without a file of its own: the moments of a file, or the requests of a capture.
type Replay struct {
	File      string
	Speed     float64 // 0: as it was
	To        string  // of a capture: the address that its requests were sent to; "" for any
	Dialect   string  // of a capture, if it is none of the embedded ones
	KeepCards bool
	// Flow is what is asked for at each moment. "" asks again what a capture has asked for.
	Flow string

	Seed        uint64
	Timeout     time.Duration
	Connections int
	Cards       uint64
}

// Plan makes it.
func (o *Replay) Plan() (*Plan, error) {
	timeout := config.Duration(o.Timeout)
	f := file{
		Name: filepath.Base(o.File), Seed: o.Seed, Timeout: &timeout, Connections: &o.Connections,
		Cards:  cards{Count: &o.Cards},
		Replay: &replay{File: o.File, To: o.To, Dialect: o.Dialect, KeepCards: o.KeepCards},
	}
	if o.Speed != 0 {
		f.Replay.Speed = &o.Speed
	}
	if o.Flow != "" {
		f.Flows = []flow{{Flow: o.Flow}}
	}
	r := reader{name: o.File, file: &f, open: readFile}
	return r.plan()
}

// replay says when flows are due: at the moments of a file.
func (r *reader) replay() error {
	in, p := r.file.Replay, &r.out
	p.Speed = given(in.Speed, 1)
	if !(p.Speed > 0) || math.IsInf(p.Speed, 0) {
		return r.wrong(at("replay", "speed"), "%g, expected more than 0", p.Speed)
	}
	if p.Moments == nil {
		text, err := r.open(in.File)
		switch {
		case err != nil:
		case capture.IsPcap(text):
			_, err = r.captured(text)
		case in.To != "" || in.Dialect != "" || in.KeepCards:
			return r.wrong(at("replay"), "to, dialect, keep_cards: expected with a capture (pcap, pcapng) only")
		default:
			p.Moments, err = arrival.ReadTimes(in.File, bytes.NewReader(text))
			p.Said = fmt.Sprintf("%s has %d moments", in.File, len(p.Moments))
		}
		if err != nil {
			return r.wrong(at("replay", "file"), "%w", err)
		}
	}
	if r.file.Warmup != nil && p.Warmup > 0 {
		return r.wrong(at("warmup"), "expected none with replay, which begins with its first moment")
	}
	if r.file.Arrivals != "" || r.file.RateOf != "" {
		return r.wrong(at("replay"), "expected without arrivals and rate_of: a file says when flows are due")
	}
	p.Warmup = 0
	s, err := arrival.NewTimes(p.Moments, p.Speed)
	if err != nil {
		return r.wrong(at("replay", "file"), "%w", err)
	}
	p.Duration = s.Length()
	return nil
}

// recording makes the requests of a capture what is asked for, in place of flows.
func (r *reader) recording() error {
	in := r.file.Replay
	if r.file.BadRequests > 0 {
		return r.wrong(at("bad_requests"), "expected with flows only: a capture's requests are asked as they are")
	}
	text, err := r.open(in.File)
	if err == nil && !capture.IsPcap(text) {
		return r.wrong(at("flows"), "expected one flow or more: %s is no capture, to be asked again", in.File)
	}
	var requests *isotool.Requests
	if err == nil {
		requests, err = r.captured(text)
	}
	if err != nil {
		return r.wrong(at("replay", "file"), "%w", err)
	}
	messages := make([][]byte, len(requests.Frames))
	for i := range requests.Frames {
		messages[i] = requests.Frames[i].Message
	}
	if r.out.Traffic.Recorded, err = loadgen.NewRecording(requests.Codec, messages, in.KeepCards); err != nil {
		return r.wrong(at("replay", "file"), "%s: %w", in.File, err)
	}
	return nil
}

// captured reads the requests of a capture, and when they were asked.
func (r *reader) captured(text []byte) (*isotool.Requests, error) {
	in, p := r.file.Replay, &r.out
	if len(text) > capture.MaxInput {
		return nil, fmt.Errorf("%s: %d bytes, expected at most %d", in.File, len(text), capture.MaxInput)
	}
	codecs, err := r.dialects(in.Dialect)
	if err != nil {
		return nil, err
	}
	requests, err := isotool.ReadRequests(text, in.To, codecs)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in.File, err)
	}
	first := requests.Frames[0].At
	for i := range requests.Frames {
		p.Moments = append(p.Moments, requests.Frames[i].At.Sub(first))
	}
	p.Said = fmt.Sprintf("%s has %d requests in %s, framed %s; %d other messages and %d frames that cannot be read are "+
		"passed over", in.File, len(p.Moments), requests.Codec.Name(), requests.Framing, requests.Other, requests.Unread)
	return requests, nil
}

// dialects are those that a capture may be in: the embedded ones, or the one that is named.
func (r *reader) dialects(name string) ([]*spec.Codec, error) {
	switch {
	case strings.HasSuffix(name, ".json"):
		text, err := r.open(name)
		if err != nil {
			return nil, err
		}
		codec, err := spec.OpenFile(name, bytes.NewReader(text))
		return []*spec.Codec{codec}, err
	case name != "":
		codec, err := spec.Open(name)
		return []*spec.Codec{codec}, err
	}
	return spec.StockCodecs(), nil
}
