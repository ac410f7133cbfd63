package sim

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"switchyard/switch/clearing"
	"switchyard/switch/incoming"
)

// takenBack are files of the clearing system that take chargebacks of another one back (PDS0025). The issuer simulator
// makes none by itself, and its books know of none.
type takenBack struct {
	looked  map[string]bool // files of the clearing system
	names   []string
	texts   map[string][]byte
	records map[string]int // by file id: how many are taken back
}

// Numbers of files that the clearing system gives to none of its own.
const takenBackFrom = 90_000

// of makes the file that takes the chargebacks of a file back, if it has some.
func (b *takenBack) of(name string, text []byte) error {
	if b.looked[name] {
		return nil
	}
	if b.looked == nil {
		b.looked, b.texts, b.records = map[string]bool{}, map[string][]byte{}, map[string]int{}
	}
	b.looked[name] = true
	in, err := clearing.NewReader(bytes.NewReader(text))
	if err != nil {
		return err
	}
	id, err := clearing.ParseFileID(strings.TrimSuffix(name, ".ipm"))
	if err != nil {
		return err
	}
	id.Sequence += takenBackFrom
	var file bytes.Buffer
	framing := in.Framing()
	out, err := clearing.NewWriter(&file, clearing.Header{
		FileID: id, CodePage: in.CodePage(), Blocked: framing.Blocked, RDW: framing.RDW,
	})
	if err != nil {
		return err
	}
	records := 0
	for {
		r, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if r.MTI != "1442" {
			continue
		}
		records++
		if err := out.WriteMessage(takes(r, id)); err != nil {
			return err
		}
	}
	if _, err := out.Close(); err != nil || records == 0 {
		return err
	}
	b.names = append(b.names, id.String()+".ipm")
	b.texts[id.String()+".ipm"], b.records[id.String()] = file.Bytes(), records
	return nil
}

// takes is the message that takes a chargeback back.
func takes(r *clearing.Record, of clearing.FileID) *clearing.Message {
	const pdsReversal = 25
	m := &clearing.Message{MTI: r.MTI, FunctionCode: r.FunctionCode()}
	for de := range r.Elements() {
		switch de {
		case 24, 71, 48, 62, 123, 124, 125: // are made from other fields
		default:
			m.Elements = append(m.Elements, clearing.Element{DE: de, Value: r.Text(de)})
		}
	}
	m.PDS = append(slices.Collect(r.Subelements()), clearing.PDS{Tag: pdsReversal, Value: "R" + of.Date.Format("060102")})
	return m
}

// expects tells whether an exception is one of what is taken back.
func (b *takenBack) expects(e *incoming.Exception) bool {
	return b.records[e.FileID] > 0 && e.Excess == 0 && strings.Contains(e.Why, "takes an earlier")
}

// missing wants as many exceptions as something was taken back.
func (b *takenBack) missing(exceptions map[string]int) (why string) {
	for id, records := range b.records {
		if exceptions[id] != records {
			why += fmt.Sprintf(" %s: %d exceptions of %d;", id, exceptions[id], records)
		}
	}
	return why
}
