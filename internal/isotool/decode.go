package isotool

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"switchyard/internal/capture"
	"switchyard/spec"
	"switchyard/spec/framing"
	"switchyard/spec/guess"
)

// Frame is one frame as it was read.
type Frame struct {
	Offset int    `json:"offset"` // in the stream
	Size   int    `json:"size"`
	Header string `json:"header,omitempty"` // in hex; hidden where a card number may be in it
	MTI    string `json:"mti,omitempty"`
	Name   string `json:"name,omitempty"` // of the MTI
	// Fields are the data elements that could be read.
	Fields []Field `json:"fields,omitempty"`
	// Warnings say what speaks against it that the frame is written as the dialect writes it, though it can be read.
	Warnings []string `json:"warnings,omitempty"`
	Fault    *Fault   `json:"fault,omitempty"`

	message spec.Message
}

// Field is a data element as it was read.
type Field struct {
	DE     int    `json:"de"`
	Name   string `json:"name"`
	Value  string `json:"value"` // masked
	Offset int    `json:"offset"`
	Size   int    `json:"size"`
	Tags   []Tag  `json:"tags,omitempty"`
}

// Tag is a tag inside a data element.
type Tag struct {
	Tag   string `json:"tag"`
	Name  string `json:"name"`
	Value string `json:"value"`
}

// tagsOf are the tags inside a data element, masked.
func tagsOf(de int, value []byte) (tags []Tag) {
	for _, t := range spec.Tags(de, value) {
		tags = append(tags, Tag{t.Tag, t.Name, t.Shown})
	}
	return tags
}

// Fault is what is wrong with a frame. It carries no value.
type Fault struct {
	Offset int    `json:"offset"` // in the stream
	What   string `json:"what"`
	Unread int    `json:"unread"` // bytes of the frame behind what could be read
}

// Error makes a fault an error.
func (f *Fault) Error() string { return f.What }

// decode reads the frames of a stream.
func (in *Input) decode(s capture.Stream, w way) (Stream, error) {
	f, err := framing.Parse(w.framing)
	if err != nil {
		return Stream{}, err
	}
	read := Stream{
		codec: w.codec,
		Name:  s.Name, Lost: s.Lost, Framing: w.framing, Dialect: w.codec.Name(),
		Confidence: w.confidence, Reasons: w.reasons, Frames: []Frame{},
	}
	if w.skipped > 0 {
		read.Frames = append(read.Frames, Frame{Size: w.skipped, Fault: &Fault{
			What: "these bytes belong to a frame that began before", Unread: w.skipped,
		}})
	}
	for _, piece := range cut(s.Data[min(w.skipped, len(s.Data)):], f, w.codec) {
		piece.at, piece.from = piece.at+w.skipped, piece.from+w.skipped
		read.Frames = append(read.Frames, in.frame(piece, w.codec))
	}
	return read, nil
}

// frame reads a frame's message.
func (in *Input) frame(p piece, codec *spec.Codec) Frame {
	f := Frame{Offset: p.at, Size: p.size}
	if p.err != nil && p.message == nil {
		f.Fault = &Fault{Offset: p.at, What: p.err.Error(), Unread: p.size}
		return f
	}
	m := &f.message
	pieces, err := codec.Walk(p.message, m)
	f.MTI, f.Name = m.MTI(), spec.MTIName(m.MTI())
	f.Warnings = guess.Doubts(codec, p.message, m, pieces)
	if begins := f.Name != "message" && spec.VersionOf(f.MTI) == codec.Version(); begins {
		f.Header = shownHeader(p.head, nil)
	} else {
		f.Header = shownHeader(p.head, p.message)
	}
	read := 0
	var hide []span
	if err != nil && !in.ClearPAN && len(pieces) > 2 {
		const packedMTI = 2 // bytes: an MTI in BCD
		hide = cards(p.message, pieces[0].To == packedMTI)
	}
	for _, piece := range pieces {
		if read = piece.To; piece.DE < 2 {
			continue
		}
		value := m.Bytes(piece.DE)
		field := Field{
			DE: piece.DE, Name: codec.FieldName(piece.DE), Value: codec.Shown(piece.DE, value, in.ClearPAN),
			Offset: p.from + piece.From, Size: piece.To - piece.From,
		}
		if overlaps(hide, piece.From, piece.To) && piece.DE > 2 {
			field.Value = mayBeCard
			f.Fields = append(f.Fields, field)
			continue
		}
		field.Tags = tagsOf(piece.DE, value)
		f.Fields = append(f.Fields, field)
	}
	switch fault := new(spec.FieldError); {
	case p.err != nil:
		f.Fault = &Fault{Offset: p.from + read, What: p.err.Error(), Unread: len(p.message) - read}
	case errors.As(err, &fault):
		moved := *fault
		moved.Offset += p.from
		f.Fault = &Fault{Offset: moved.Offset, What: moved.Error(), Unread: len(p.message) - read}
		if des := beyond(p.message, pieces); fault.DE == 1 && len(des) > 0 {
			f.Fault.What += fmt.Sprintf("; it announces DE %s, which the dialect does not define", strings.Join(des, ", "))
		}
	}
	return f
}

// beyond are the DEs that a third bitmap announces which the dialect does not have: behind the second one, or as DE65.
func beyond(message []byte, pieces []spec.Piece) (des []string) {
	const both = 2 * 8 // bytes of the first and the second
	for _, p := range pieces {
		size, third := p.To-p.From, message[p.From:p.To]
		switch {
		case p.DE == 1 && (size == both+8 || size == 2*(both+8)):
			third = third[size/3*2:]
		case p.DE != 65 || size != 8 && size != 16:
			continue
		}
		if len(third) == 16 {
			third, _ = hex.DecodeString(string(third)) // it was read
		}
		for i := range 8 * len(third) {
			if third[i/8]&(0x80>>(i%8)) != 0 {
				des = append(des, strconv.Itoa(129+i))
			}
		}
	}
	return des
}

// shownHeader is a header in hex, unless a card number may stand in it, or in it and what follows, where that is no
// message: a header that is configured longer than it is has some of the message in it.
func shownHeader(head, follows []byte) string {
	packed := slices.ContainsFunc(head, func(c byte) bool { return c < ' ' || c > '~' })
	if overlaps(cards(slices.Concat(head, follows), packed), 0, len(head)) {
		return mayBeCard
	}
	return hex.EncodeToString(head)
}

// mayBeCard is shown in place of what is hidden for what it may be.
const mayBeCard = "hidden, may be part of a card number"

// piece is a frame that was cut, or what could not be.
type piece struct {
	at, size int // in the stream
	from     int // where the message begins
	head     []byte
	message  []byte // nil where there is none
	err      error
}

// maxPieces bounds how many frames of a stream are read.
const maxPieces = 1 << 20

// cut cuts a stream into frames. It goes on behind a frame that is none where that says how long it is, and else where
// the next frame is found.
func cut(data []byte, f framing.Format, codec *spec.Codec) (pieces []piece) {
	f = f.Ending(func(message []byte) (int, error) { return ending(message, codec), nil })
	for at := 0; at < len(data) && len(pieces) < maxPieces; {
		rest := data[at:]
		frame, need, err := f.Cut(rest, spec.MaxMessage)
		var fault *framing.Error
		switch {
		case errors.As(err, &fault) && fault.Size > 0:
			size := min(fault.Size, len(rest))
			pieces = append(pieces, piece{at: at, size: size, err: fmt.Errorf("at byte %d: %w", at, err)})
			at += size
		case err != nil:
			size := next(rest, f, codec)
			pieces = append(pieces, piece{at: at, size: size, err: fmt.Errorf("at byte %d: %w", at, err)})
			at += size
		case need > 0:
			pieces = append(pieces, short(rest, at, f, need))
			return pieces
		default:
			from := at + before(rest, frame)
			pieces = append(pieces, piece{at, frame.Size, from, frame.Head, frame.Message, nil})
			at += frame.Size
		}
	}
	return pieces
}

// before is where a frame's message begins in the bytes that the frame was cut from, whose array it shares.
func before(data []byte, frame framing.Frame) int { return cap(data) - cap(frame.Message) }

// ending says where a message ends: where its last element does if another message begins there, else with the bytes.
func ending(data []byte, codec *spec.Codec) int {
	var m spec.Message
	_, err := codec.Walk(data[:min(len(data), spec.MaxMessage)], &m)
	var fault *spec.FieldError
	if !errors.As(err, &fault) || fault.DE != -1 || fault.Offset == 0 {
		return len(data)
	}
	end := fault.Offset
	if _, _ = codec.Walk(data[end:min(len(data), end+spec.MaxMessage)], &m); spec.MTIName(m.MTI()) != "message" {
		return end
	}
	return len(data)
}

// next is how many bytes there are up to the next frame, or to the end.
func next(data []byte, f framing.Format, codec *spec.Codec) int {
	for _, h := range guess.Rank(data, guess.Options{Codecs: []*spec.Codec{codec}}) {
		found, err := framing.Parse(h.Framing)
		if err == nil && h.Skipped > 0 && h.Dialect != "" && found.String() == f.String() {
			return h.Skipped
		}
	}
	return len(data)
}

// short is a frame whose end is missing: need is how many bytes it has. Filled up it can be cut, so that what is there
// of its message can be read.
func short(data []byte, at int, f framing.Format, need int) piece {
	err := fmt.Errorf("the bytes end after %d of at least %d of a frame", len(data), need)
	p := piece{at: at, size: len(data), err: err}
	filled := append(bytes.Clone(data), make([]byte, max(need-len(data), 0))...)
	frame, _, err := f.Cut(filled, spec.MaxMessage)
	if err != nil || frame.Message == nil {
		return p
	}
	if from := before(filled, frame); from < len(data) {
		p.from, p.head = at+from, frame.Head
		p.message = data[from:min(len(data), from+len(frame.Message))]
	}
	return p
}
