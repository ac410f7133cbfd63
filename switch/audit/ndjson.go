package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Open opens a book, or a part of one. What it reads ends when ctx does.
type Open func(ctx context.Context) (io.ReadCloser, error)

// OpenRRNs opens the lines of a book whose RRNs begin with one of some texts, or all its lines where these are nil. It
// may give others, too.
type OpenRRNs func(ctx context.Context, prefixes []string) (io.ReadCloser, error)

// Whole is a book that is given as a whole, whatever of it is asked for.
func Whole(open Open) OpenRRNs {
	return func(ctx context.Context, _ []string) (io.ReadCloser, error) { return open(ctx) }
}

// maxLine bounds a line of an export: a payment has at most 250 operations of well under 1 KB each.
const maxLine = 1 << 20

// lines calls each with every line of an export. An export that was cut off is an error and not a shorter book: the
// last line must end, too.
func lines(ctx context.Context, what string, open Open, each func(line []byte) error) (err error) {
	in, err := open(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer in.Close()
	scanner := bufio.NewScanner(in)
	scanner.Buffer(make([]byte, 64<<10), maxLine)
	scanner.Split(wholeLines)
	n := 1
	for ; scanner.Scan(); n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := each(scanner.Bytes()); err != nil {
			return fmt.Errorf("%s: line %d: %w", what, n, err)
		}
	}
	if err := scanner.Err(); err != nil {
		return fmt.Errorf("%s: line %d: %w", what, n, err)
	}
	return nil
}

func wholeLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return 0, nil, nil
}

// decode unmarshals a line. Its errors name the field and never quote a value, which could be a card number.
func decode(line []byte, into any) error {
	err := json.Unmarshal(line, into)
	var mistyped *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &mistyped):
		return fmt.Errorf("field %s at byte %d: expected %s", mistyped.Field, mistyped.Offset, mistyped.Type)
	case errors.As(err, &syntax):
		return fmt.Errorf("byte %d: no JSON object", syntax.Offset)
	}
	return errors.New("a time that is not RFC 3339")
}
