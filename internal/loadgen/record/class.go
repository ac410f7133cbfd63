package record

import (
	"fmt"
	"strings"
)

// Class is what came of a request. Its names stand in files: they keep their meaning.
type Class uint8

// The classes.
const (
	Approved       Class = iota
	Declined             // by DE39, or by the status where there is none
	Refused              // an answer that says that the request was not processed; by its code
	NoAnswer             // nothing came for as long as it was waited for
	Unparsable           // what came cannot be read
	Unmatched            // what came belongs to no request, or contradicts the one that it seems to answer
	Late                 // an answer came when its caller had given up
	ConnectionLost       // the connection went with the request under way
	Unsent               // it was due and the tool did not send it: a failure of the tool or of its limits
	OwnFault             // the tool failed otherwise, such as with a request that it could not build
	classCount
)

var classNames = [classCount]string{
	"approved", "declined", "refused", "no_answer", "unparsable", "unmatched", "late", "connection_lost", "unsent",
	"own_fault",
}

// String is the class's name in files.
func (c Class) String() string {
	if c < classCount {
		return classNames[c]
	}
	return fmt.Sprintf("class %d", uint8(c))
}

// MarshalText implements encoding.TextMarshaler.
func (c Class) MarshalText() ([]byte, error) {
	if c >= classCount {
		return nil, fmt.Errorf("no such class: %d", uint8(c))
	}
	return []byte(classNames[c]), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Class) UnmarshalText(text []byte) error {
	for i, name := range classNames {
		if name == string(text) {
			*c = Class(i)
			return nil
		}
	}
	return fmt.Errorf("class %q, expected one of %s", text, strings.Join(classNames[:], ", "))
}

// Answered tells whether something that can be read came from the target in time: what a reached rate counts.
func (c Class) Answered() bool { return c == Approved || c == Declined || c == Refused }

// Failed tells whether the request has no outcome of its payment: neither an approval nor a decline.
func (c Class) Failed() bool { return c != Approved && c != Declined }

// Outcome is a class and its code: DE39, or the word of an error. Code is empty where the class says all.
type Outcome struct {
	Class Class  `json:"class"`
	Code  string `json:"code,omitempty"`
}

// String is the outcome for people: "declined 51".
func (o Outcome) String() string {
	name := strings.ReplaceAll(o.Class.String(), "_", " ")
	if o.Code == "" {
		return name
	}
	return name + " " + o.Code
}
