package guess

import (
	"cmp"
	"fmt"
	"slices"

	"switchyard/spec"
)

// Confidence is how sure a hypothesis is.
type Confidence uint8

// The degrees of confidence.
const (
	// Possible: it explains some of it.
	Possible Confidence = iota
	// Likely: all that was looked at is read in this way, or nearly, and in no other as well.
	Likely
	// Certain: whole messages that tell dialects apart are read to their ends, no other candidate reads them, and they
	// show how each number that was read is filled up.
	Certain
)

// String is the word for it.
func (c Confidence) String() string { return [...]string{"possible", "likely", "certain"}[c] }

// MarshalText makes the word stand in JSON.
func (c Confidence) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// Hypothesis is one way to read the bytes.
type Hypothesis struct {
	// Framing is in the text form of framings: "ascii4+tpdu:6000030000".
	Framing string `json:"framing"`
	// Dialect is the name of the dialect that reads the messages best; empty if none does.
	Dialect string `json:"dialect,omitempty"`
	// Bitmap is binary, hex or EBCDIC hex; MTI is what the MTI is in: ASCII, BCD or EBCDIC.
	Bitmap     string     `json:"bitmap"`
	MTI        string     `json:"mti"`
	Confidence Confidence `json:"confidence"`
	// Reasons say in words what speaks for it, and what it does not explain. They carry no value behind a bitmap.
	Reasons []string `json:"reasons"`
	// Frames were looked at; Read of them are whole and read to their ends.
	Frames int `json:"frames"`
	Read   int `json:"read"`
	// Complete tells that all frames were read, but for the last one's missing end, and one at least to its end.
	Complete bool `json:"complete"`
	// Score is the evidence in bits, by which hypotheses of different bytes can be compared, too.
	Score int `json:"score"`
	// Skipped is how many bytes in front belong to no frame that began within the bytes.
	Skipped int `json:"skipped,omitempty"`

	r reading
}

// Written tells whether a dialect writes MTI and bitmap as the hypothesis has them.
func (h *Hypothesis) Written(c *spec.Codec) bool { return h.r.anchor.of(c) }

// Options are what is looked for.
type Options struct {
	// Codecs are the candidates. Default: the embedded dialects.
	Codecs []*spec.Codec
	// Framing and Codec are what was expected, if anything was: reasons name what differs from them. Codec is a candidate.
	Framing string
	Codec   *spec.Codec
}

func (o *Options) codecs() []*spec.Codec {
	codecs := o.Codecs
	if codecs == nil {
		codecs = spec.StockCodecs()
	}
	if o.Codec != nil && !slices.ContainsFunc(codecs, func(c *spec.Codec) bool { return c.Name() == o.Codec.Name() }) {
		codecs = append(slices.Clip(codecs), o.Codec)
	}
	return codecs
}

// Bounds of what is looked at.
const (
	// MaxBytes is how many bytes are looked at: more say nothing new.
	MaxBytes = 8 << 10
	// maxResync is how far into the bytes the beginning of a frame is looked for, where they do not begin with one.
	maxResync = 4 << 10
	// maxWithin is how many ways to read the bytes from there on are tried.
	maxWithin = 400
	// maxRanked is how many hypotheses are returned.
	maxRanked = 8
	// leastScore in bits drops what is hardly more than chance.
	leastScore = -4
)

// Rank returns the ways to read data, the bytes of one direction of a connection or of one message, best first; none
// where nothing looks like ISO 8583.
func Rank(data []byte, o Options) []Hypothesis {
	truncated := len(data) > MaxBytes
	if truncated {
		data = data[:MaxBytes]
	}
	codecs := o.codecs()
	readings := fromStart(data, codecs, truncated)
	if len(readings) == 0 || !readings[0].all() || readings[0].linked == 0 || readings[0].header.kind == headerFixed {
		readings = append(readings, fromWithin(data, codecs, truncated)...)
		sortReadings(readings)
	}
	readings = slices.DeleteFunc(distinct(readings), func(r reading) bool { return r.score < leastScore })
	ranked := make([]Hypothesis, 0, maxRanked)
	for i := range readings[:min(len(readings), maxRanked)] {
		r := &readings[i]
		ranked = append(ranked, Hypothesis{
			Framing: r.framing(), Dialect: r.dialect(), Bitmap: r.anchor.bitmap.String(), MTI: r.anchor.mti.String(),
			Confidence: confidence(i, readings), Reasons: reasons(i, readings, &o),
			Frames: r.frames, Read: r.read, Skipped: r.from, Complete: r.all() && r.read > 0, Score: r.score, r: *r,
		})
	}
	return ranked
}

// fromStart reads data in every way in which a frame begins where data does, best first.
func fromStart(data []byte, codecs []*spec.Codec, truncated bool) (readings []reading) {
	for _, l := range lengths {
		if _, ok := l.read(data); !ok {
			continue
		}
		for at := l.size(); at <= l.size()+mostHeader && at < len(data); at++ {
			h, ok := headerOf(data[l.size():at])
			if !ok {
				continue
			}
			for _, a := range anchors(data[at:]) {
				readings = append(readings, withCodecs(data, reading{length: l, header: h, anchor: a}, codecs, truncated)...)
			}
		}
	}
	sortReadings(readings)
	return readings
}

// fromWithin reads data in every way in which a frame begins behind its first byte, at most maxWithin. It takes only
// lengths and headers of known kinds, since with any others something can always be found.
func fromWithin(data []byte, codecs []*spec.Codec, truncated bool) (readings []reading) {
	tried := 0
	for at := 1; at < min(len(data), maxResync); at++ {
		for _, a := range anchors(data[at:]) {
			for _, way := range leading(data, at) {
				if way.anchor = a; tried < maxWithin {
					tried++
					readings = append(readings, withCodecs(data, way, codecs, truncated)...)
				}
			}
		}
	}
	return readings
}

// leading are the lengths and headers that may stand in front of an MTI, where they lead on to another frame or to the
// end.
func leading(data []byte, at int) (ways []reading) {
	for _, size := range []int{0, tpduSize, isoSize, visaSize} {
		if size > at {
			continue
		}
		h, ok := headerOf(data[at-size : at])
		if !ok || !h.known() {
			continue
		}
		for _, l := range lengths {
			way := reading{from: at - size - l.size(), length: l, header: h}
			if way.from < 1 || !way.measured() {
				continue
			}
			frames, broken := cut(data, way.from, l, h, nil)
			if broken || len(frames) == 0 || len(frames) == 1 && !frames[0].whole {
				continue
			}
			ways = append(ways, way)
		}
	}
	return ways
}

// withCodecs reads data in one way with each codec that writes MTI and bitmap so, and with none.
func withCodecs(data []byte, way reading, codecs []*spec.Codec, truncated bool) (readings []reading) {
	for _, codec := range append([]*spec.Codec{nil}, codecs...) {
		r := way
		if codec != nil && !way.anchor.of(codec) {
			continue
		}
		if r.codec = codec; evaluate(data, &r, truncated) {
			readings = append(readings, r)
		}
	}
	return readings
}

func sortReadings(readings []reading) {
	slices.SortStableFunc(readings, func(a, b reading) int { return cmp.Compare(b.score, a.score) })
}

// distinct keeps the best reading of each framing and dialect.
func distinct(readings []reading) (kept []reading) {
	seen := map[string]bool{}
	for _, r := range readings {
		key := r.framing() + " " + r.dialect()
		if r.codec == nil {
			key += r.anchor.mti.String() + r.anchor.bitmap.String()
		}
		if !seen[key] {
			seen[key] = true
			kept = append(kept, r)
		}
	}
	return kept
}

// Certainty asks for this much.
const (
	leastElements = 8  // of a message that was read
	clearBy       = 12 // bits, between a hypothesis and the next that reads everything, too
	possibleBelow = 10 // bits; with fewer it may well be chance
)

// confidence says how sure the i-th reading is.
func confidence(i int, readings []reading) Confidence {
	r := &readings[i]
	if i > 0 || r.score < possibleBelow || r.codec == nil {
		return Possible
	}
	rival := slices.ContainsFunc(readings[1:], func(other reading) bool {
		return other.all() && other.score > r.score-clearBy
	})
	switch {
	case rival:
		return Possible
	case r.all() && r.read > 0 && (r.atEnd && r.from == 0 || r.linked > 1) && r.des >= leastElements && r.tells() &&
		!r.absurd && len(r.fillers.doubts) == 0 && len(r.fillers.either()) == 0:
		return Certain
	case r.all(), r.read > r.frames/2:
		return Likely
	}
	return Possible
}

// tells tells whether messages were read in which dialects differ that are alike otherwise: some element with a length,
// and where digits are packed a card number of an odd number of them, which shows the side that is filled.
func (r *reading) tells() bool {
	return r.odd || r.lengths && traitsOf(r.codec).numbers != codingBCD
}

func (r *reading) framing() string {
	text := r.length.String() + r.header.part()
	if len(r.trailer) > 0 {
		text += fmt.Sprintf("+trailer:%x", r.trailer)
	}
	return text
}

func (r *reading) dialect() string {
	if r.codec == nil {
		return ""
	}
	return r.codec.Name()
}
