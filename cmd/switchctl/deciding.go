package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"switchyard/internal/operatorflags"
	"switchyard/switch/operator/client"
)

// deciding is what somebody asks about something that waits for a person: a reject, a dispute.
type deciding[T any] struct {
	what  string // for who names one that there is not
	call  func(cmd *cobra.Command, c *client.Client, id string) (*T, error)
	write func(w io.Writer, told *T) error
}

// command makes the command of a decision about an ID, which prints how that stands then. It ends with 1 where the
// switch refuses, and says so where a second person has to ask for the same.
func (d deciding[T]) command(asked *operatorflags.Flags, use, short string) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := asked.Client()
			if err != nil {
				return err
			}
			told, err := d.call(cmd, api, args[0])
			if err != nil {
				return undecided(cmd, err, fmt.Sprintf("no %s %s", d.what, args[0]), asJSON)
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), told)
			}
			return d.write(cmd.OutOrStdout(), told)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return cmd
}

// undecided tells of a call by which somebody decides that has decided nothing. It ends with 1 where the switch refuses
// it, or has nothing to decide about, which missing says then, and says so where it waits for a second person.
func undecided(cmd *cobra.Command, err error, missing string, asJSON bool) error {
	why, refused := client.Refused(err)
	if !refused && missing != "" && client.NotFound(err) {
		why, refused = missing, true
	}
	if refused {
		fmt.Fprintf(cmd.ErrOrStderr(), "refused: %s\n", why)
		return errNo
	}
	if waits, is := proposal(err); is {
		return writeProposed(cmd.OutOrStdout(), waits, asJSON)
	}
	return err
}
