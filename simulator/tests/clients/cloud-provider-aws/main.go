// The service controller's AWS provider, unmodified, against a running simulator: a Service of type LoadBalancer is
// ensured, changed, read and deleted. An emulator that leaves out what AWS always tells makes it crash.
//
//	cd simulator/tests/clients/cloud-provider-aws
//	AWS_ENDPOINT_URL=http://127.0.0.1:4566 AWS_REGION=us-east-1 \
//	AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY=secret go run .
package main

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	cloudprovider "k8s.io/cloud-provider"
	provider "k8s.io/cloud-provider-aws/pkg/providers/v1"
)

const cluster = "conformance"

// clients hands the provider the Kubernetes client it asks for.
type clients struct{ kubernetes.Interface }

func (c clients) Config(string) (*rest.Config, error)         { return &rest.Config{}, nil }
func (c clients) ConfigOrDie(string) *rest.Config             { return &rest.Config{} }
func (c clients) Client(string) (kubernetes.Interface, error) { return c.Interface, nil }
func (c clients) ClientOrDie(string) kubernetes.Interface     { return c.Interface }

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

// launch starts an instance in a security group of its own, both marked as the cluster's.
func launch(ctx context.Context) types.Instance {
	client := ec2.NewFromConfig(must(config.LoadDefaultConfig(ctx)))
	owned := []types.Tag{{Key: aws.String("kubernetes.io/cluster/" + cluster), Value: aws.String("owned")}}
	mark := func(kind types.ResourceType) []types.TagSpecification {
		return []types.TagSpecification{{ResourceType: kind, Tags: owned}}
	}
	group := must(client.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
		GroupName: aws.String("nodes-of-" + cluster), Description: aws.String("nodes"),
		TagSpecifications: mark(types.ResourceTypeSecurityGroup),
	}))
	run := must(client.RunInstances(ctx, &ec2.RunInstancesInput{
		ImageId: aws.String("ami-12c6146b"), MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
		SecurityGroupIds: []string{*group.GroupId}, TagSpecifications: mark(types.ResourceTypeInstance),
	}))
	return run.Instances[0]
}

func service() *v1.Service {
	const prefix = "service.beta.kubernetes.io/aws-load-balancer-"
	return &v1.Service{
		ObjectMeta: metav1.ObjectMeta{
			Name: "web", Namespace: "default", UID: "0a1b2c3d-0000-0000-0000-000000000001",
			Annotations: map[string]string{
				prefix + "proxy-protocol":                    "*",
				prefix + "cross-zone-load-balancing-enabled": "true",
				prefix + "connection-draining-enabled":       "true",
				prefix + "connection-draining-timeout":       "60",
				prefix + "additional-resource-tags":          "team=shop",
			},
		},
		Spec: v1.ServiceSpec{
			Type:            v1.ServiceTypeLoadBalancer,
			SessionAffinity: v1.ServiceAffinityNone,
			Ports:           []v1.ServicePort{{Name: "http", Port: 80, NodePort: 30080, Protocol: v1.ProtocolTCP}},
		},
	}
}

func main() {
	ctx := context.Background()
	instance := launch(ctx)
	settings := fmt.Sprintf("[Global]\nZone=us-east-1a\nVPC=%s\nSubnetID=%s\nKubernetesClusterID=%s\n",
		*instance.VpcId, *instance.SubnetId, cluster)
	cloud := must(cloudprovider.GetCloudProvider("aws", strings.NewReader(settings)))
	node := &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "node"},
		Spec:       v1.NodeSpec{ProviderID: "aws:///us-east-1a/" + *instance.InstanceId},
	}
	web := service()
	kube := fake.NewSimpleClientset(node, web)
	stop := make(chan struct{})
	defer close(stop)
	cloud.Initialize(clients{kube}, stop)
	factory := informers.NewSharedInformerFactory(kube, 0)
	cloud.(*provider.Cloud).SetInformers(factory)
	factory.Start(stop)
	factory.WaitForCacheSync(stop)

	balancers, _ := cloud.LoadBalancer()
	nodes := []*v1.Node{node}
	first := must(balancers.EnsureLoadBalancer(ctx, cluster, web, nodes))
	again := must(balancers.EnsureLoadBalancer(ctx, cluster, web, nodes))
	if first.Ingress[0].Hostname != again.Ingress[0].Hostname {
		log.Fatal("ensured twice, it is another balancer")
	}
	https := v1.ServicePort{Name: "https", Port: 443, NodePort: 30443, Protocol: v1.ProtocolTCP}
	web.Spec.Ports = append(web.Spec.Ports, https)
	must(balancers.EnsureLoadBalancer(ctx, cluster, web, nodes))
	must(0, balancers.UpdateLoadBalancer(ctx, cluster, web, nodes))
	if _, exists, err := balancers.GetLoadBalancer(ctx, cluster, web); err != nil || !exists {
		log.Fatal("it is not there: ", err)
	}
	must(0, balancers.EnsureLoadBalancerDeleted(ctx, cluster, web))
	if _, exists, err := balancers.GetLoadBalancer(ctx, cluster, web); err != nil || exists {
		log.Fatal("it is still there: ", err)
	}
	fmt.Println("cloud-provider-aws: the balancer was ensured, changed and deleted")
}
