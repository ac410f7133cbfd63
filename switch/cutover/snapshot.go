package cutover

import (
	"encoding/json"
	"fmt"
)

// DE25 of the presentments of an authorization with several captures.
const (
	ReasonMoreToCome = "1403"
	ReasonLast       = "1404"
)

// Snapshot is what a presentment's record takes from the config: fixed when the capture is accepted, so that a rebuilt
// file has the same bytes whatever the config says by then (I8).
type Snapshot struct {
	Name       string `json:"n,omitempty"`
	Street     string `json:"s,omitempty"`
	City       string `json:"c,omitempty"`
	PostalCode string `json:"p,omitempty"`
	State      string `json:"t,omitempty"`
	Country    string `json:"y,omitempty"` // alpha-3
	MCC        string `json:"m,omitempty"`
	FeePlan    string `json:"f,omitempty"`
	Reason     string `json:"r,omitempty"` // DE25
	Sequence   int    `json:"q"`
	Count      int    `json:"k"` // Sequence + 1 while more captures may come
}

// Encode makes the bytes that the journal keeps.
func (s Snapshot) Encode() []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic(fmt.Sprintf("cutover: a snapshot of strings and integers does not encode: %v", err))
	}
	return b
}

// DecodeSnapshot reads what Encode made.
func DecodeSnapshot(b []byte) (s Snapshot, err error) {
	err = json.Unmarshal(b, &s)
	return s, err
}
