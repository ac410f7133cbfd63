package main

import (
	"github.com/spf13/cobra"

	"switchyard/internal/operatorflags"
	"switchyard/internal/paint"
	"switchyard/switch/doctor"
)

// doctorRules are those of what the doctor saw.
var doctorRules = paint.Rules{paint.Find(`^(?:(ok)|(warn)|(fail))  `, paint.Green, paint.Yellow, paint.Red)}

// newDoctorCmd is `switchctl doctor`.
func newDoctorCmd() *cobra.Command {
	var asked operatorflags.Flags
	var config, data string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look at what a switch needs, and say what to do",
		Long: `Look at a switch and the machine under it, a line a thing: ok, warn or fail, what was seen, and what a person should
do. It looks at the configuration as switchd check-config does; who may read key, certificates' keys and data folder;
the disk's room, kind and how long a sync takes; the clock, by itself and against what the switch saw last; whether the
ports are free or held by the switch; limits of files and cores; and, where the operator API is reached, whether the
switch is ready or held, its links, its queue, and business dates whose files could not be written.

It changes nothing, opens no journal and listens nowhere: it may be run beside a switch, before its first start, or when
it does not start. Run it on the switch's machine, as its user, with the configuration that it is started with; the
operator API is asked where that says, or at --operator.

Exit codes: 0 nothing fails; 1 something does; 2 wrong usage.`,
		Example: `  switchctl doctor --config /etc/switchyard/switchd.yaml
  switchctl doctor --json | jq '.checks[] | select(.status != "ok")'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			patient := doctor.New(config, data, doctor.ThisMachine())
			if at := patient.Operator(); at != "" && !cmd.Flags().Changed("operator") {
				if err := cmd.Flags().Set("operator", at); err != nil {
					return err
				}
			}
			api, err := asked.Client()
			if err != nil {
				return err
			}
			report := patient.Run(cmd.Context(), api)
			if err := cmd.Context().Err(); err != nil {
				return err
			}
			if asJSON {
				err = writeJSON(cmd.OutOrStdout(), report)
			} else {
				err = painted(cmd, false, doctorRules, report.WriteText)
			}
			if err == nil && !report.OK {
				return errNo
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&config, "config", "", "YAML `file` that switchd serve is started with; without one the defaults")
	f.StringVar(&data, "data", "", "data `folder`, where switchd serve is started with another than the configuration's")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	asked.Add(f, defaultOperator)
	return cmd
}
