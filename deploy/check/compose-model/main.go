// Command compose-model prints, as JSON, the project that `docker compose [--env-file FILE] up`
// would start: read by the library that Compose itself uses, with variables filled in, services of
// inactive profiles left out, and the model's consistency checked.
//
// Usage: compose-model COMPOSE_FILE [ENV_FILE]
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: compose-model COMPOSE_FILE [ENV_FILE]")
		os.Exit(2)
	}
	model, err := load(os.Args[1], os.Args[2:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "compose-model:", err)
		os.Exit(1)
	}
	fmt.Println(string(model))
}

// load leaves the caller's environment and .env file out on purpose: a newcomer has neither.
func load(file string, envFiles []string) ([]byte, error) {
	options, err := cli.NewProjectOptions(
		[]string{file},
		func(o *cli.ProjectOptions) error {
			o.EnvFiles = envFiles
			return nil
		},
		cli.WithDotEnv,
		cli.WithDefaultProfiles(),
	)
	if err != nil {
		return nil, err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return nil, err
	}
	return project.MarshalJSON()
}
