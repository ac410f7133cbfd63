package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"switchyard/internal/infile"
	"switchyard/internal/isotool"
	"switchyard/spec"
)

// maxISOInput bounds what iso reads, in bytes.
const maxISOInput = 16 << 20

// newIsoCmd is `switchctl iso`.
func newIsoCmd() *cobra.Command {
	var dialect string
	cmd := &cobra.Command{
		Use:   "iso [FILE]",
		Short: "Read, build, send, compare and convert ISO 8583 messages",
		Long: `Print ISO 8583 messages field by field. FILE, or standard input, holds frames (a 2-byte big-endian length before each
message) or a single message without a length, as bytes or as hex text; which of these it is, is found out.

Card numbers show their first six and last four digits; expiry, tracks, PIN and CVC are hidden.

Exits with 1 when something does not parse; the error names the field and the byte. The commands below read more forms,
framings and dialects, and do more: iso decode goes on behind what does not parse.`,
		Example: `  echo 00403830303038323230... | switchctl iso
  switchctl iso --dialect iso87bcd capture.bin`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			codec, err := isotool.OpenDialect(dialect)
			if err != nil {
				return err
			}
			data, err := readInput(standardInput(cmd), args)
			if err != nil {
				return err
			}
			err = describe(cmd.OutOrStdout(), codec, data)
			if parse := new(notISO); errors.As(err, &parse) {
				complain(cmd, err)
				return errNo
			}
			return err
		},
	}
	cmd.Flags().StringVar(&dialect, "dialect", spec.DefaultDialect, dialectUsage)
	offersDialects(cmd, "dialect")
	cmd.AddCommand(newIsoDecodeCmd(), newIsoBuildCmd(), newIsoSendCmd(), newIsoDiffCmd(), newIsoConvertCmd(),
		newIsoProbeCmd(), newIsoSpecCmd())
	return cmd
}

func readInput(stdin io.Reader, args []string) ([]byte, error) {
	var data []byte
	var err error
	if len(args) == 1 && args[0] != "-" {
		data, err = infile.Read(args[0], maxISOInput)
	} else {
		data, err = io.ReadAll(io.LimitReader(stdin, maxISOInput+1))
	}
	switch {
	case err != nil:
		return nil, err
	case len(data) > maxISOInput:
		return nil, fmt.Errorf("more than %d bytes", maxISOInput)
	case len(bytes.TrimSpace(data)) == 0:
		return nil, errors.New("expected an ISO 8583 message, got nothing")
	}
	return data, nil
}

// notISO is input that does not parse.
type notISO struct {
	frame int // from 1; 0 where there is a single message
	err   error
}

func (e *notISO) Error() string {
	if e.frame == 0 {
		return e.err.Error()
	}
	return fmt.Sprintf("frame %d: %v", e.frame, e.err)
}

func (e *notISO) Unwrap() error { return e.err }

// describe prints every message of data, in the first reading in which the first message parses. Where none does, the
// error is that of the last one, the likeliest.
func describe(w io.Writer, codec *spec.Codec, data []byte) error {
	var m spec.Message
	var likeliest [][]byte
	for _, messages := range readings(data) {
		if len(messages) == 0 {
			continue
		}
		likeliest = messages
		if codec.Unpack(messages[0], &m) == nil {
			break
		}
	}
	return describeAll(w, codec, likeliest)
}

// readings are the ways to read data: bytes before hex text, as a single message or, likelier, as frames. The line end
// of a text file is no part of a message, but a binary one may end in the same byte.
func readings(data []byte) [][][]byte {
	text := bytes.TrimRight(data, "\r\n")
	ways := [][][]byte{{data}, {text}, frames(data)}
	if decoded, ok := fromHex(text); ok {
		ways = append(ways, [][]byte{decoded}, frames(decoded))
	}
	return ways
}

func describeAll(w io.Writer, codec *spec.Codec, messages [][]byte) error {
	var m spec.Message
	for i, data := range messages {
		frame := 0
		if len(messages) > 1 {
			frame = i + 1
		}
		if err := codec.Unpack(data, &m); err != nil {
			return &notISO{frame, err}
		}
		if _, err := io.WriteString(w, spec.Describe(codec, &m)); err != nil {
			return err
		}
	}
	return nil
}

// frames cuts data into messages by their lengths; nil where it is not made of whole frames.
func frames(data []byte) [][]byte {
	var messages [][]byte
	for len(data) > 0 {
		if len(data) < 2 {
			return nil
		}
		n := int(binary.BigEndian.Uint16(data))
		if n == 0 || len(data) < 2+n {
			return nil
		}
		messages = append(messages, data[2:2+n])
		data = data[2+n:]
	}
	return messages
}

// fromHex decodes hex text, white space aside.
func fromHex(data []byte) ([]byte, bool) {
	decoded, err := hex.DecodeString(strings.Join(strings.Fields(string(data)), ""))
	return decoded, err == nil
}
