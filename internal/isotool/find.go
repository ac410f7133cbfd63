package isotool

import (
	"fmt"
	"slices"

	"switchyard/internal/capture"
	"switchyard/spec"
	"switchyard/spec/framing"
	"switchyard/spec/guess"
)

// Input is bytes to read, and what is known of them; what is not is found out.
type Input struct {
	Data []byte
	Form capture.Form // how the bytes are written; empty: find out
	// Framing is a framing's text form; empty: find out.
	Framing string
	// Codec is of the dialect that is spoken; nil: find out.
	Codec *spec.Codec
	// Candidates are the codecs among which a dialect is found.
	Candidates []*spec.Codec
	// ClearPAN shows card numbers.
	ClearPAN bool
}

// Stream is what was read of a stream.
type Stream struct {
	Name string `json:"name,omitempty"`
	// Lost is how many bytes are missing in front of it; -1 where nobody can say.
	Lost    int    `json:"lost,omitempty"`
	Framing string `json:"framing"`
	Dialect string `json:"dialect"`
	// Confidence and Reasons are of what was found out; empty where all was told.
	Confidence string   `json:"confidence,omitempty"`
	Reasons    []string `json:"reasons,omitempty"`
	Frames     []Frame  `json:"frames"`

	codec *spec.Codec
}

// Reading is what was read of an input.
type Reading struct {
	Form    capture.Form `json:"form"`
	Streams []Stream     `json:"streams"`
}

// Faults is how many frames have something wrong with them.
func (r *Reading) Faults() (n int) {
	for _, s := range r.Streams {
		for _, f := range s.Frames {
			if f.Fault != nil {
				n++
			}
		}
	}
	return n
}

// way is how a stream is to be read.
type way struct {
	framing    string
	codec      *spec.Codec
	complete   bool
	score      int
	confidence string
	reasons    []string
	skipped    int
}

// Read reads the frames of an input.
func Read(in Input) (*Reading, error) {
	if in.Framing != "" {
		if _, err := framing.Parse(in.Framing); err != nil {
			return nil, err
		}
	}
	forms, err := in.forms()
	if err != nil {
		return nil, err
	}
	var best way
	chosen := -1
	for i, form := range forms {
		if w := in.find(longest(form.Streams)); chosen < 0 || better(w.complete, best.complete, w.score, best.score) {
			chosen, best = i, w
		}
	}
	r := &Reading{Form: forms[chosen].Form}
	for _, s := range forms[chosen].Streams {
		w := in.find(s.Data)
		if w.confidence == guess.Possible.String() && best.score > w.score {
			w = way{framing: best.framing, codec: best.codec, confidence: best.confidence, reasons: best.reasons}
		}
		read, err := in.decode(s, w)
		if err != nil {
			return nil, err
		}
		r.Streams = append(r.Streams, read)
	}
	return r, nil
}

// better tells whether a form, which is likelier than another, is to be taken in its place: if it explains as much, or
// neither explains all. Hex of digits may be read as the digits that it is, but seldom to its end.
func better(complete, other bool, score, than int) bool {
	if complete != other {
		return complete
	}
	return !complete || score >= than
}

// forms are the forms that the input may be in.
func (in *Input) forms() ([]capture.Way, error) {
	if in.Form == "" {
		return capture.Ways(in.Data)
	}
	streams, err := capture.As(in.Form, in.Data)
	if err != nil {
		return nil, err
	}
	return []capture.Way{{Form: in.Form, Streams: streams}}, nil
}

// longest is the stream that says most about how all are to be read.
func longest(streams []capture.Stream) []byte {
	return slices.MaxFunc(streams, func(a, b capture.Stream) int { return len(a.Data) - len(b.Data) }).Data
}

// find finds how a stream is to be read.
func (in *Input) find(data []byte) way {
	codecs := in.Candidates
	if in.Codec != nil {
		codecs = []*spec.Codec{in.Codec}
	}
	if in.Framing != "" {
		return told(data, in.Framing, codecs, in.Codec != nil)
	}
	w := way{framing: framing.Default, codec: codecs[0]}
	ranked := guess.Rank(data, guess.Options{Codecs: codecs})
	if len(ranked) == 0 {
		said := guess.Say(data, guess.Options{Codecs: codecs}) // "looks like": of another protocol by its name
		w.confidence = guess.Possible.String()
		w.reasons = []string{"nothing looks like ISO 8583", "it " + said, "read so for want of anything better"}
		return w
	}
	h := ranked[0]
	w.framing, w.score, w.skipped, w.complete = h.Framing, h.Score, h.Skipped, h.Complete
	w.confidence, w.reasons = h.Confidence.String(), h.Reasons
	if w.codec = named(codecs, h.Dialect); w.codec == nil { // a dialect that reads some of it shows more than none
		alike := slices.DeleteFunc(slices.Clone(codecs), func(c *spec.Codec) bool { return !h.Written(c) })
		if len(alike) == 0 {
			alike = codecs
		}
		w.codec = told(data[min(w.skipped, len(data)):], w.framing, alike, true).codec
	}
	return w
}

// told finds the dialect where the framing is known.
func told(data []byte, text string, codecs []*spec.Codec, known bool) (best way) {
	for i, codec := range codecs {
		f, _ := framing.Parse(text) // it was checked
		score, complete := 0, true
		for _, frame := range cut(data, f, codec) {
			var m spec.Message
			pieces, err := codec.Walk(frame.message, &m)
			score += len(pieces)
			if spec.MTIName(m.MTI()) == "message" {
				score -= 20 // hardly an MTI
			}
			if err == nil {
				score += 20
			}
			complete = complete && err == nil
		}
		if i == 0 || score > best.score {
			best = way{framing: text, codec: codec, score: score, complete: complete}
		}
	}
	if !known {
		best.confidence = guess.Likely.String()
		best.reasons = []string{fmt.Sprintf("of the dialects %s reads most", best.codec.Name())}
	}
	return best
}

func named(codecs []*spec.Codec, name string) *spec.Codec {
	for _, c := range codecs {
		if c.Name() == name {
			return c
		}
	}
	return nil
}

// Look ranks what the longest stream of a file looks like, in the form of it that explains most.
func Look(data []byte, form capture.Form, codecs []*spec.Codec) ([]guess.Hypothesis, error) {
	in := Input{Data: data, Form: form}
	forms, err := in.forms()
	if err != nil {
		return nil, err
	}
	var best []guess.Hypothesis
	for _, form := range forms {
		ranked := guess.Rank(longest(form.Streams), guess.Options{Codecs: codecs})
		if len(best) == 0 || len(ranked) > 0 &&
			better(ranked[0].Complete, best[0].Complete, ranked[0].Score, best[0].Score) {
			best = ranked
		}
	}
	return best, nil
}
