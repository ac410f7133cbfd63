package clearing

import (
	"fmt"
	"strconv"
	"time"
)

// A FileID is PDS0105, which names a file for all time: its type, the business date, the processor and a sequence
// within those two. Two files never share one.
type FileID struct {
	Type        string    // who made it, three digits; "" for 002, a member
	Date        time.Time // its calendar day, in its location
	ProcessorID string    // 1 to 11 digits; written with leading zeros
	Sequence    int       // 1 to 99,999
}

const (
	fileIDLength     = 25
	fileIDType       = "002"
	fileIDTypeDigits = 3
	processorDigits  = 11
	maxFileSequence  = 99_999
	fileIDDateLayout = "060102"
)

// MadeByClearing is the type of the files that a clearing system makes for a member.
const MadeByClearing = "001"

// NodeSequence is the Sequence of a node's n-th file of a date, where several nodes share a processor id: two digits
// of the node and three of n. What those cannot say is an error and never wraps.
func NodeSequence(node uint32, n int) (int, error) {
	const mostNode = 99
	if node > mostNode || n < 1 || n > MaxNodeSequence {
		reason := fmt.Sprintf("node %d, file %d: expected a node up to %d and a file of 1 to %d", node, n, mostNode,
			MaxNodeSequence)
		return 0, &FieldError{PDS: 105, Reason: reason}
	}
	return int(node)*(MaxNodeSequence+1) + n, nil
}

// SplitNodeSequence takes what NodeSequence made apart.
func SplitNodeSequence(sequence int) (node uint32, n int) {
	return uint32(sequence / (MaxNodeSequence + 1)), sequence % (MaxNodeSequence + 1)
}

// String is the 25 digits of PDS0105: type n3, YYMMDD, processor n11, sequence n5. It is meaningful for a valid id
// only.
func (id FileID) String() string {
	b := make([]byte, 0, fileIDLength)
	if id.Type == "" {
		b = append(b, fileIDType...)
	} else {
		b = append(b, id.Type...)
	}
	b = id.Date.AppendFormat(b, fileIDDateLayout)
	for range processorDigits - len(id.ProcessorID) {
		b = append(b, '0')
	}
	b = append(b, id.ProcessorID...)
	return string(appendPadded(b, uint64(id.Sequence), 5))
}

// Validate says which part of the id cannot be written.
func (id FileID) Validate() error {
	switch {
	case id.Type != "" && (len(id.Type) != fileIDTypeDigits || !allDigits(id.Type)):
		return &FieldError{PDS: 105, Reason: fmt.Sprintf("type %q is not %d digits", id.Type, fileIDTypeDigits)}
	case id.Date.Year() < 2000 || id.Date.Year() > 2099:
		return &FieldError{PDS: 105, Reason: fmt.Sprintf(
			"year %d has no two-digit form that is read back alike; 2000 to 2099 expected", id.Date.Year(),
		)}
	case id.ProcessorID == "" || len(id.ProcessorID) > processorDigits || !allDigits(id.ProcessorID):
		return &FieldError{
			PDS: 105, Reason: fmt.Sprintf("processor id %q is not 1 to %d digits", id.ProcessorID, processorDigits),
		}
	case id.Sequence < 1 || id.Sequence > maxFileSequence:
		return &FieldError{PDS: 105, Reason: fmt.Sprintf("file sequence %d is not 1 to %d", id.Sequence, maxFileSequence)}
	}
	return nil
}

// ParseFileID reads the 25 digits of PDS0105 of any type; that of a member comes back as "". The date comes back at
// midnight UTC, the processor id with its leading zeros.
func ParseFileID(s string) (FileID, error) {
	if len(s) != fileIDLength || !allDigits(s) {
		return FileID{}, &FieldError{PDS: 105, Reason: "is not 25 digits"}
	}
	date, err := time.Parse("20"+fileIDDateLayout, "20"+s[3:9])
	if err != nil {
		return FileID{}, &FieldError{PDS: 105, Reason: "holds no date at digits 4 to 9"}
	}
	sequence, err := strconv.Atoi(s[20:])
	if err != nil {
		return FileID{}, &FieldError{PDS: 105, Reason: "holds no sequence at digits 21 to 25"}
	}
	id := FileID{Date: date, ProcessorID: s[9:20], Sequence: sequence}
	if s[:fileIDTypeDigits] != fileIDType {
		id.Type = s[:fileIDTypeDigits]
	}
	return id, nil
}
